// linear_synth: a whole linear layer with vector-quantised weights (wvq), spread over slices, from memory to accumulators. With Gather
// co-quantised linears (covq), too: their rows are fetched, not calculated.
//
//   mode 0, synth
//   q, scale = act_quant(x)                                                        act_bits bits, one scale a token
//   acc[n]   = sum over positions p of  (w_cent[p][g(n)][index[p][n]] . q[pairs[p]]) << exponent[p][g(n)]
//   mode 1, search; what it finds stays for the gathers behind it
//   q[i]     = sat8(rne(x[i] * factor[i]))
//   c[p]     = the centroid of position p that is nearest to q[pairs[p]] (Chebyshev, the lowest one of several)
//   mode 2, gather
//   acc[n]   = sum over positions p of  table[p][g(n)][c[p]][index[p][n]] << exponent[p][g(n)]
//
// One command is one linear for one token, or for up to Tokens of them, which share every read. Outputs are split into groups,
// positions into `subsets` ranges of blocks of Lanes;
// job j = (group j / subsets, subset j % subsets) runs on slice j % Slices in round j / Slices, and the partial sums of a group, on
// neighbouring slices, are added. Of a search, slice s has the blocks s, s + Slices, ...
//
//   s_axis -> vector (act_quant) -> broadcast -+-> every slice
//   s_axis_pairs -> checked      -> broadcast -+
//   port s -> slice s: packets -> row_synth -> lut2d -> join (all slices, segment_reduce) -> collect -> m_axis_acc
//   search: port s -> slice s: centroid_search -> found;  gather: found -> broadcast, port s -> slice s: row_gather -> lut2d
//
// Access runs ahead of execution: commands, pairs, codebooks and indices of this and of later commands are read, up to the buffers,
// before the activations come. Only act_quant, the broadcast of the integers and the work itself wait for them. Rows of a gather are
// read when its indices are there.
//
// Memory:     slice s reads `beats` beats from port_base_i + s*port_stride_i + 32*stream: the packets of its jobs, then zeros
//             (docs/image.md). Of a gather the rows lie behind the beats; they are read one by one, over the same port.
//             Base and stride are multiples of a beat, stable while idle_o is low. All ports lie in one aligned
//             window of 2^44 bytes, the base's: the address bits above are not calculated with (it would take too long).
// Vectors:    s_axis: fp32 [inputs], Width a beat, first one low, tlast; lanes behind the last input are ignored. Of several tokens one
//             vector after the other. A gather has none.
//             s_axis_factor: the factors of a search, laid out as its vector, with it beat by beat.
//             s_axis_pairs, not of a gather: 8 pairs of two 16-bit inputs a beat, first one low, tlast; pairs behind the last position
//             are ignored.
// Outputs:    m_axis_acc: int32 in output order, Width a beat, zeros behind the last, tlast on a command's last. A beat of the first
//             token, the same one of the second, and so on;
//             m_axis_act: the scale (fp32), one a token, before or after its accumulators; of synth only.
//             found_o: a search is done. It has no other result; a gather may be given before, and works with the last search's
//             indices, which must be of as many positions.
// Numbers:    exact integers. The weights promise that every final sum fits 32 bits (golden/wvq.py checks it).
// Latency:    from the last beat of activations to the first accumulators, all else read ahead, one round, no other work:
//             see docs/cores/linear_synth.md for the parts; measured by the testbench.
//             Search, R blocks a slice, from the last beat of activations to found_o: 31 + 2*Lanes + 4*Lanes*R
//             + max(Lanes*Slices/Width, 1) - 1. Gather, one round of b blocks a slice, at most 16 slots, from found_o to the first
//             accumulators: 44 + 3*Lanes + positions/Width + 16*b + max(log2 Slices, 1) + Width/DrainW and the memory's latency.
// Throughput: a block takes the most of: C*Lanes/16 + index beats (port), C (rows), max(slots, index beats) (lookups); C centroids,
//             index beats = slots*(4 + code)/4. A job takes 5 and a run 1 cycle more on the port, a run slots + 2 in lut2d
//             (hidden where its blocks leave cycles). C = 16 with 16 slots or more and C = 32 with 32 are bound by the port: above 0.97 beats a
//             cycle in long linears. Gather, a block: the most of Lanes + slots (port), 16 (rows), slots (lookups); within 1 % of
//             it, while the indices of (latency + 50)/16 blocks find room in IndexBeats: a job's rows are asked for when its header
//             comes. Search: a codebook beat a cycle, 4*Lanes a block. Results leave at up to Width accumulators a cycle.
// Back-pressure: every stream may stall; nothing is lost. Readies depend on registers and on clear_i; s_axis_tready on
//             s_axis_factor_tvalid, too.
// Errors:     an illegal command (cause 10: mode 3, without Gather any but 0), a vector or list of the wrong length, a failing read, of
//             rows, too, a wrong packet. error_o with source, cause, slice and address (of the failing beat; 0 where there is none)
//             stays until clear_i; no command is taken any more, and nothing wrong comes out. clear_i (one cycle) drops everything,
//             waits for the reads in flight (idle_o tells) and starts afresh.
// Reset:      synchronous, active low; the memory side must be reset with it (AXI).
//
// Parameters:
//   Slices        slices and ports: a power of two up to 64
//   Width         activations and accumulators a beat: 16, 32, 64
//   Lanes, Units  positions and outputs that a slice looks up a cycle: 2 x 32, 1 x 64, 4 x 16
//   Slots         outputs per unit: a group has at most Units*Slots
//   Centroids     of a weight codebook at most: 16, 32, 64
//   EntryW, ActW  bits of a row entry and of an activation (8..12)
//   MaxInputs     inputs at most, a power of two >= 64 and >= 4*Width
//   MaxPositions  positions at most, a power of two from 16 to 32768
//   BufferBeats   run-ahead of each port
//   IndexBeats    run-ahead of the indices behind the codebooks, in beats: two blocks at least
//   BookBeats     run-ahead of the codebooks, in beats, a power of two: a block at least
//   DrainW        sums that a slice delivers a cycle: 1, 2, 4, 8, at most Units/4
//   AddrW         address bits
//   Depth         commands queued in every unit
//   Tokens        of a command at most, up to 8: rows and narrow sums are there as many times, and room for activations and sums
//   Drains        tokens whose sums leave a slice at a time, a power of two that divides Tokens
//   Gather        1: search and gather are there (one token each)
module linear_synth
  import linear_synth_pkg::*;
#(
    parameter int unsigned Slices = 2,
    parameter int unsigned Width = 16,
    parameter int unsigned Lanes = 2,
    parameter int unsigned Units = 32,
    parameter int unsigned Slots = 32,
    parameter int unsigned Centroids = 64,
    parameter int unsigned EntryW = 16,
    parameter int unsigned ActW = 12,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned MaxPositions = 4096,
    parameter int unsigned BufferBeats = 512,
    parameter int unsigned IndexBeats = 512,
    parameter int unsigned BookBeats = 64,
    parameter int unsigned DrainW = 2,
    parameter int unsigned AddrW = 64,
    parameter int unsigned Depth = 4,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Drains = 1,
    parameter bit Gather = 1'b0,
    localparam int unsigned SliceW = (Slices > 1) ? $clog2(Slices) : 1
) (
    input  logic                             clk_i,
    input  logic                             rst_ni,
    // command: one linear
    input  logic          [             3:0] s_cmd_act_bits,
    input  logic          [             1:0] s_cmd_code,        // 16 << code centroids
    input  logic          [            15:0] s_cmd_inputs,
    input  logic          [            18:0] s_cmd_outputs,     // a multiple of 16, up to 2^18
    input  logic          [            15:0] s_cmd_positions,   // a multiple of Lanes
    input  logic          [            15:0] s_cmd_group,       // outputs, a multiple of Units and Width
    input  logic          [             2:0] s_cmd_subsets,     // log2
    input  logic          [            31:0] s_cmd_stream,      // first beat
    input  logic          [            31:0] s_cmd_beats,       // of every port
    input  logic          [             3:0] s_cmd_tokens,      // 1..Tokens
    input  logic          [             1:0] s_cmd_mode,        // mode_e
    input  logic                             s_cmd_tvalid,
    output logic                             s_cmd_tready,
    input  logic          [       AddrW-1:0] port_base_i,
    input  logic          [       AddrW-1:0] port_stride_i,
    // activations, pairs
    input  logic          [    Width*32-1:0] s_axis_tdata,
    input  logic                             s_axis_tlast,
    input  logic                             s_axis_tvalid,
    output logic                             s_axis_tready,
    input  logic          [    Width*32-1:0] s_axis_factor_tdata,
    input  logic                             s_axis_factor_tvalid,
    output logic                             s_axis_factor_tready,
    input  logic          [       BeatW-1:0] s_axis_pairs_tdata,
    input  logic                             s_axis_pairs_tlast,
    input  logic                             s_axis_pairs_tvalid,
    output logic                             s_axis_pairs_tready,
    // accumulators, scales
    output logic          [    Width*32-1:0] m_axis_acc_tdata,
    output logic                             m_axis_acc_tlast,
    output logic                             m_axis_acc_tvalid,
    input  logic                             m_axis_acc_tready,
    output logic          [            31:0] m_axis_act_tdata,
    output logic                             m_axis_act_tvalid,
    input  logic                             m_axis_act_tready,
    // memory: one AXI4 read port a slice
    output logic [Slices-1:0][          0:0] m_axi_arid,
    output logic [Slices-1:0][    AddrW-1:0] m_axi_araddr,
    output logic [Slices-1:0][          7:0] m_axi_arlen,
    output logic [Slices-1:0][          2:0] m_axi_arsize,
    output logic [Slices-1:0][          1:0] m_axi_arburst,
    output logic [Slices-1:0][          3:0] m_axi_arcache,
    output logic [Slices-1:0][          2:0] m_axi_arprot,
    output logic [Slices-1:0]                m_axi_arvalid,
    input  logic [Slices-1:0]                m_axi_arready,
    input  logic [Slices-1:0][          0:0] m_axi_rid,
    input  logic [Slices-1:0][    BeatW-1:0] m_axi_rdata,
    input  logic [Slices-1:0][          1:0] m_axi_rresp,
    input  logic [Slices-1:0]                m_axi_rlast,
    input  logic [Slices-1:0]                m_axi_rvalid,
    output logic [Slices-1:0]                m_axi_rready,
    // control and status
    input  logic                             clear_i,
    output logic                             found_o,           // a pulse: the indices of a search are there
    output logic                             busy_o,
    output logic                             idle_o,            // nothing under way: no command, no read; !busy_o
    output logic                             error_o,
    output error_source_e                    error_source_o,
    output logic          [             3:0] error_cause_o,
    output logic          [      SliceW-1:0] error_slice_o,
    output logic          [       AddrW-1:0] error_addr_o
);
  localparam int unsigned LevelW = $clog2(Depth + 1);
  localparam int unsigned IdxW = $clog2(MaxInputs);
  localparam int unsigned Ends = 2 * PairsPerBeat;
  localparam int unsigned Groups = groups_of(Slices, Width / DrainW);  // segments that leave the adders a cycle
  localparam int unsigned WaveW = wave_bits(Slices, Width / DrainW);
  localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1;
  localparam int unsigned PortW = (AddrW > 44) ? 44 : AddrW;  // address bits that are calculated with

  if (Slices < 1 || Slices > 64 || 2 ** $clog2(Slices) != Slices)
    $error("%m: Slices is %0d, allowed: powers of two up to 64", Slices);
  if (!(Width inside {16, 32, 64})) $error("%m: Width is %0d, allowed: 16, 32, 64", Width);
  if (!(Lanes inside {1, 2, 4}) || Lanes * Units * 4 != BeatW)
    $error("%m: Lanes is %0d, Units %0d, allowed: 1 and 64, 2 and 32, 4 and 16", Lanes, Units);
  if (Slots < 1 || Units * Slots > 8192) $error("%m: Slots is %0d, allowed: 1 to %0d", Slots, 8192 / Units);
  if (Units * Slots < Width) $error("%m: Units*Slots is %0d, allowed: >= Width = %0d", Units * Slots, Width);
  if (ActW < 8 || ActW > 12) $error("%m: ActW is %0d, allowed: 8..12", ActW);
  if (MaxInputs < 64 || MaxInputs < 4 * Width || MaxInputs > 32768 || 2 ** $clog2(MaxInputs) != MaxInputs)
    $error("%m: MaxInputs is %0d, allowed: powers of two from %0d to 32768", MaxInputs, (4 * Width > 64) ? 4 * Width : 64);
  if (MaxPositions < 16 || MaxPositions > 32768 || 2 ** $clog2(MaxPositions) != MaxPositions)
    $error("%m: MaxPositions is %0d, allowed: powers of two from 16 to 32768", MaxPositions);
  if (!(DrainW inside {1, 2, 4, 8})) $error("%m: DrainW is %0d, allowed: 1, 2, 4, 8", DrainW);
  if (Tokens < 1 || Tokens > 8) $error("%m: Tokens is %0d, allowed: 1..8", Tokens);
  if (Drains < 1 || Tokens % Drains != 0 || 2 ** $clog2(Drains) != Drains)
    $error("%m: Drains is %0d, allowed: powers of two that divide Tokens = %0d", Drains, Tokens);
  if (IndexBeats < 3 * Slots) $error("%m: IndexBeats is %0d, allowed: >= %0d", IndexBeats, 3 * Slots);

  // ---- clear: until every port is quiet, and long enough for every pipeline stage to forget --------------------------
  logic clearing_q, stop_q;
  logic [2:0] clear_count_q;
  logic [Slices-1:0] port_busy, port_busy_q, slice_busy;
  wire clear = clear_i || clearing_q;
  always_ff @(posedge clk_i) begin
    port_busy_q <= port_busy;
    if (!rst_ni) begin
      clearing_q    <= 1'b0;
      clear_count_q <= '0;
    end else if (clear_i) begin
      clearing_q    <= 1'b1;
      clear_count_q <= '1;
    end else if (clear_count_q != '0) clear_count_q <= clear_count_q - 3'd1;
    else if (port_busy_q == '0) clearing_q <= 1'b0;
  end

  // ---- commands: judged, then handed to all units in one cycle --------------------------------------------------------
  command_t cmd_in, cmd;
  command_cause_e cmd_cause;
  logic cmd_valid, cmd_busy, plan_ready, vector_ready, pairs_ready, collect_ready, found_ready, plan_busy;

  wire cmd_ready = plan_ready && vector_ready && pairs_ready && collect_ready && found_ready;
  wire cmd_take = cmd_valid && cmd_ready;

  assign cmd_in = '{
          mode: s_cmd_mode,
          act_bits: s_cmd_act_bits,
          code: s_cmd_code,
          inputs: s_cmd_inputs,
          outputs: s_cmd_outputs,
          positions: s_cmd_positions,
          group: s_cmd_group,
          subsets: s_cmd_subsets,
          stream: s_cmd_stream,
          beats: s_cmd_beats,
          tokens: s_cmd_tokens
      };

  linear_synth_judge #(
      .Slices(Slices), .Width(Width), .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .ActW(ActW),
      .MaxInputs(MaxInputs), .MaxPositions(MaxPositions), .Tokens(Tokens), .Gather(Gather)
  ) i_judge (
      .clk_i, .rst_ni, .clear_i(clear), .stop_i(stop_q || clear), .s_cmd_i(cmd_in), .s_valid_i(s_cmd_tvalid),
      .s_ready_o(s_cmd_tready), .m_cmd_o(cmd), .m_valid_o(cmd_valid), .m_ready_i(cmd_ready), .busy_o(cmd_busy),
      .cause_o(cmd_cause)
  );
  wire sums = cmd.mode != ModeSearch;

  // ---- what the slices are told ----------------------------------------------------------------------------------------
  setup_t setup;
  logic [PortW-1:0] setup_addr;
  logic [PortW-6:0] setup_row;
  logic [31:0] setup_bytes;
  logic [Slices-1:0] setup_valid, setup_ready;

  linear_synth_plan #(
      .Slices(Slices), .Lanes(Lanes), .AddrW(PortW)
  ) i_plan (
      .clk_i, .rst_ni, .clear_i(clear), .port_base_i(port_base_i[PortW-1:0]), .port_stride_i(port_stride_i[PortW-1:0]),
      .s_cmd_i(cmd), .s_cmd_valid_i(cmd_take), .s_cmd_ready_o(plan_ready), .m_setup_o(setup), .m_addr_o(setup_addr), .m_row_o(setup_row),
      .m_bytes_o(setup_bytes),
      .m_valid_o(setup_valid), .m_ready_i(setup_ready), .busy_o(plan_busy)
  );

  logic [Width*CidxW-1:0] found;
  logic found_last, found_valid, found_take;
  logic [Slices-1:0] act_free, pair_free;
  logic act_free_q, pair_free_q, act_last, act_valid, pair_last, pair_valid;
  logic [Width*ActW-1:0] act_data;
  logic [Ends*IdxW-1:0] pair_data;
  logic [$clog2(MaxInputs/Width)-1:0] act_addr;
  logic [TokenW-1:0] act_token;
  logic [$clog2(MaxPositions/PairsPerBeat)-1:0] pair_addr;
  length_cause_e vector_cause, pairs_cause;
  always_ff @(posedge clk_i) begin
    act_free_q  <= act_free == '1;
    pair_free_q <= pair_free == '1;
  end

  linear_synth_vector #(
      .Width(Width), .ActW(ActW), .MaxInputs(MaxInputs), .Depth(Depth), .Tokens(Tokens), .Gather(Gather)
  ) i_vector (
      .clk_i, .rst_ni, .clear_i(clear), .s_job_mode_i(mode_e'(cmd.mode)), .s_job_inputs_i(cmd.inputs), .s_job_bits_i(cmd.act_bits), .s_job_tokens_i(cmd.tokens), .s_job_valid_i(cmd_take),
      .s_job_ready_o(vector_ready), .s_axis_tdata, .s_axis_tlast, .s_axis_tvalid, .s_axis_tready,
      .s_axis_factor_tdata, .s_axis_factor_tvalid, .s_axis_factor_tready, .s_axis_found_tdata(found), .s_axis_found_tlast(found_last),
      .s_axis_found_tvalid(found_valid), .s_axis_found_tready(found_take), .m_axis_scale_tdata(m_axis_act_tdata), .m_axis_scale_tvalid(m_axis_act_tvalid),
      .m_axis_scale_tready(m_axis_act_tready), .m_free_i(act_free_q), .m_data_o(act_data), .m_addr_o(act_addr), .m_token_o(act_token),
      .m_last_o(act_last), .m_valid_o(act_valid), .cause_o(vector_cause)
  );

  linear_synth_pairs #(
      .MaxInputs(MaxInputs), .MaxPositions(MaxPositions), .Depth(Depth)
  ) i_pairs (
      .clk_i, .rst_ni, .clear_i(clear), .s_job_positions_i(cmd.positions), .s_job_inputs_i(cmd.inputs),
      .s_job_valid_i(cmd_take && cmd.mode != ModeGather), .s_job_ready_o(pairs_ready), .s_axis_tdata(s_axis_pairs_tdata),
      .s_axis_tlast(s_axis_pairs_tlast), .s_axis_tvalid(s_axis_pairs_tvalid), .s_axis_tready(s_axis_pairs_tready),
      .m_free_i(pair_free_q), .m_data_o(pair_data), .m_addr_o(pair_addr), .m_last_o(pair_last), .m_valid_o(pair_valid),
      .cause_o(pairs_cause)
  );

  // An address of PortW bits, completed.
  function automatic logic [AddrW-1:0] window(input logic [PortW-1:0] addr);
    window = port_base_i;
    window[PortW-1:0] = addr;
  endfunction

  // ---- slices ----------------------------------------------------------------------------------------------------------
  logic [Slices-1:0] round_some, round_valid, acc_last, acc_valid, acc_ready, slice_error, slice_packet;
  logic [Slices-1:0][CidxW-1:0] slice_found;
  logic [Slices-1:0] slice_found_valid;
  logic slice_found_take;
  logic [Slices-1:0][2:0] round_subsets;
  logic [Slices-1:0][3:0] round_tokens;
  logic [Slices-1:0][Drains*DrainW*32-1:0] acc;
  logic [Groups-1:0][Drains*DrainW*32-1:0] sum;
  logic [Slices-1:0][3:0] slice_cause;
  logic [Slices-1:0][PortW-1:0] slice_addr, slice_araddr;
  logic [PortW-1:0] error_addr_q;
  logic round_ready, sum_last, sum_valid, bank;
  logic [WaveW-1:0] sum_number;
  logic sum_end;
  logic [3:0] sum_turns;

  for (genvar s = 0; s < Slices; s++) begin : gen_slice
    linear_synth_slice #(
        .Slices(Slices), .Width(Width), .Lanes(Lanes), .Units(Units), .Slots(Slots), .Centroids(Centroids), .EntryW(EntryW),
        .ActW(ActW), .MaxInputs(MaxInputs), .MaxPositions(MaxPositions), .BufferBeats(BufferBeats), .IndexBeats(IndexBeats),
        .BookBeats(BookBeats), .DrainW(DrainW), .AddrW(PortW), .Depth(Depth), .Tokens(Tokens), .Drains(Drains), .Gather(Gather)
    ) i_slice (
        .clk_i, .rst_ni, .clear_i(clear), .setup_i(setup), .setup_addr_i(setup_addr), .setup_row_i(setup_row), .setup_bytes_i(setup_bytes),
        .setup_valid_i(setup_valid[s]), .setup_ready_o(setup_ready[s]), .act_data_i(act_data), .act_addr_i(act_addr),
        .act_token_i(act_token), .act_last_i(act_last), .act_valid_i(act_valid), .act_free_o(act_free[s]), .pair_data_i(pair_data),
        .pair_addr_i(pair_addr), .pair_last_i(pair_last), .pair_valid_i(pair_valid), .pair_free_o(pair_free[s]),
        .m_found_o(slice_found[s]), .m_found_valid_o(slice_found_valid[s]), .m_found_ready_i(slice_found_take),
        .m_round_some_o(round_some[s]), .m_round_subsets_o(round_subsets[s]), .m_round_tokens_o(round_tokens[s]), .m_round_valid_o(round_valid[s]),
        .m_round_ready_i(round_ready), .m_axis_acc_tdata(acc[s]), .m_axis_acc_tlast(acc_last[s]),
        .m_axis_acc_tvalid(acc_valid[s]), .m_axis_acc_tready(acc_ready[s]), .m_axi_arid(m_axi_arid[s]),
        .m_axi_araddr(slice_araddr[s]), .m_axi_arlen(m_axi_arlen[s]), .m_axi_arsize(m_axi_arsize[s]),
        .m_axi_arburst(m_axi_arburst[s]), .m_axi_arcache(m_axi_arcache[s]), .m_axi_arprot(m_axi_arprot[s]),
        .m_axi_arvalid(m_axi_arvalid[s]), .m_axi_arready(m_axi_arready[s]), .m_axi_rid(m_axi_rid[s]),
        .m_axi_rdata(m_axi_rdata[s]), .m_axi_rresp(m_axi_rresp[s]), .m_axi_rlast(m_axi_rlast[s]),
        .m_axi_rvalid(m_axi_rvalid[s]), .m_axi_rready(m_axi_rready[s]), .port_busy_o(port_busy[s]), .busy_o(slice_busy[s]),
        .error_o(slice_error[s]), .error_packet_o(slice_packet[s]), .error_cause_o(slice_cause[s]),
        .error_addr_o(slice_addr[s])
    );
    assign m_axi_araddr[s] = window(slice_araddr[s]);
  end

  if (Gather) begin : gen_found
    linear_synth_found #(
        .Slices(Slices), .Width(Width), .Lanes(Lanes), .MaxPositions(MaxPositions), .Depth(Depth)
    ) i_found (
        .clk_i, .rst_ni, .clear_i(clear), .s_job_search_i(!sums), .s_job_positions_i(cmd.positions),
        .s_job_valid_i(cmd_take && cmd.mode != ModeSynth), .s_job_ready_o(found_ready), .s_axis_tdata(slice_found),
        .s_axis_tvalid(slice_found_valid), .s_axis_tready(slice_found_take), .m_axis_tdata(found), .m_axis_tlast(found_last),
        .m_axis_tvalid(found_valid), .m_axis_tready(found_take), .done_o(found_o)
    );
  end else begin : gen_not_found
    assign found_ready      = 1'b1;
    assign slice_found_take = 1'b0;
    assign found            = '0;
    assign found_last       = 1'b0;
    assign found_valid      = 1'b0;
    assign found_o          = 1'b0;
    wire unused = ^{slice_found, slice_found_valid, found_take};
  end

  // ---- results ---------------------------------------------------------------------------------------------------------
  linear_synth_join #(
      .Slices(Slices), .Width(Width), .DrainW(DrainW), .Drains(Drains)
  ) i_join (
      .clk_i, .rst_ni, .clear_i(clear), .s_round_some_i(round_some), .s_round_subsets_i(round_subsets[0]), .s_round_tokens_i(round_tokens[0]),
      .s_round_valid_i(round_valid), .s_round_ready_o(round_ready), .s_axis_acc_tdata(acc), .s_axis_acc_tlast(acc_last),
      .s_axis_acc_tvalid(acc_valid), .s_axis_acc_tready(acc_ready), .m_axis_tdata(sum), .m_number_o(sum_number), .m_end_o(sum_end), .m_turns_o(sum_turns),
      .m_axis_tlast(sum_last), .m_axis_tvalid(sum_valid), .bank_i(bank)
  );

  logic [18:0] collect_outputs;
  logic [15:0] collect_group;
  logic [2:0] collect_subsets;
  logic [3:0] collect_tokens;
  logic collect_valid, collect_done;
  logic [LevelW-1:0] unused_level;

  fifo #(
      .Width(19 + 16 + 3 + 4), .Depth(Depth)
  ) i_collects (
      .clk_i, .rst_ni, .clear_i(clear), .s_data_i({cmd.outputs, cmd.group, cmd.subsets, cmd.tokens}), .s_valid_i(cmd_take && sums),
      .s_ready_o(collect_ready), .m_data_o({collect_outputs, collect_group, collect_subsets, collect_tokens}), .m_valid_o(collect_valid),
      .m_ready_i(collect_done), .level_o(unused_level)
  );

  linear_synth_collect #(
      .Slices(Slices), .Width(Width), .Units(Units), .Slots(Slots), .DrainW(DrainW), .Tokens(Tokens), .Drains(Drains)
  ) i_collect (
      .clk_i, .rst_ni, .clear_i(clear), .s_job_outputs_i(collect_outputs), .s_job_group_i(collect_group),
      .s_job_subsets_i(collect_subsets), .s_job_tokens_i(collect_tokens), .s_job_valid_i(collect_valid), .s_job_ready_o(collect_done), .s_axis_tdata(sum),
      .s_number_i(sum_number), .s_end_i(sum_end), .s_turns_i(sum_turns), .s_axis_tlast(sum_last), .s_axis_tvalid(sum_valid), .bank_o(bank), .m_axis_tdata(m_axis_acc_tdata),
      .m_axis_tlast(m_axis_acc_tlast), .m_axis_tvalid(m_axis_acc_tvalid), .m_axis_tready(m_axis_acc_tready)
  );

  // ---- status: registered, because it looks at everything; a command just taken shows at once --------------------------
  logic [7:0] results_q, scales_q;  // commands whose accumulators or indices, tokens whose scale are still to come
  logic quiet_q;
  wire result_end = m_axis_acc_tvalid && m_axis_acc_tready && m_axis_acc_tlast;
  wire scale_end = m_axis_act_tvalid && m_axis_act_tready;

  always_ff @(posedge clk_i) begin
    quiet_q <= !cmd_busy && !cmd_take && !plan_busy && results_q == '0 && scales_q == '0 && slice_busy == '0
        && port_busy_q == '0 && !clear;
    if (!rst_ni || clear) begin
      results_q <= '0;
      scales_q  <= '0;
    end else begin
      results_q <= results_q + 8'(cmd_take) - 8'(result_end) - 8'(found_o);
      scales_q <= scales_q + (cmd_take && cmd.mode == ModeSynth ? 8'(cmd.tokens) : 8'd0) - 8'(scale_end);
    end
  end
  assign idle_o = quiet_q && !cmd_busy && !clear;
  assign busy_o = !idle_o;

  // ---- errors: the first one stays ---------------------------------------------------------------------------------------
  logic fault, fault_packet, error_known_q;
  logic [SliceW-1:0] fault_slice;
  logic [3:0] fault_cause;
  logic [PortW-1:0] fault_addr;
  linear_synth_fault #(
      .Slices(Slices), .AddrW(PortW)
  ) i_fault (
      .clk_i, .rst_ni, .clear_i(clear), .error_i(slice_error), .packet_i(slice_packet), .cause_i(slice_cause),
      .addr_i(slice_addr), .error_o(fault), .slice_o(fault_slice), .packet_o(fault_packet), .cause_o(fault_cause),
      .addr_o(fault_addr)
  );

  assign error_o = error_source_o != FromNone;
  assign error_addr_o = error_known_q ? window(error_addr_q) : '0;
  always_ff @(posedge clk_i) begin
    if (!rst_ni || clear) begin
      error_source_o <= FromNone;
      error_cause_o  <= '0;
      error_addr_q   <= '0;
      error_known_q  <= 1'b0;
      error_slice_o  <= '0;
      stop_q         <= 1'b0;
    end else begin
      stop_q <= error_o;
      if (!error_o) begin
        if (cmd_cause != CommandNone) begin
          error_source_o <= FromCommand;
          error_cause_o  <= 4'(cmd_cause);
        end else if (vector_cause != LengthNone) begin
          error_source_o <= FromVector;
          error_cause_o  <= 4'(vector_cause);
        end else if (pairs_cause != LengthNone) begin
          error_source_o <= FromPairs;
          error_cause_o  <= 4'(pairs_cause);
        end else if (fault) begin
          error_source_o <= fault_packet ? FromPacket : FromPort;
          error_cause_o  <= fault_cause;
          error_slice_o  <= fault_slice;
          error_addr_q   <= fault_addr;
          error_known_q  <= 1'b1;
        end
      end
    end
  end

  a_no_command_after_an_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear) stop_q |-> !s_cmd_tready && !cmd_take);
  a_error_stays :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear)
      error_o |=> error_o && $stable({error_source_o, error_cause_o, error_slice_o, error_addr_o}));
  a_counts :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear)
      (result_end || found_o |-> results_q != '0) and (scale_end |-> scales_q != '0));
  a_subsets_agree :  // all slices walk through the same rounds
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear)
      round_ready |-> round_subsets == {Slices{round_subsets[0]}} && round_tokens == {Slices{round_tokens[0]}});
  a_acc_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear)
      m_axis_acc_tvalid && !m_axis_acc_tready |=> m_axis_acc_tvalid && $stable({m_axis_acc_tdata, m_axis_acc_tlast}));
endmodule
