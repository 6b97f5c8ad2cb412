// accel_core: everything of the accelerator but its registers: tokens in, tokens out, memory ports.
//
//   tokens -> fetch -> interleave -> prefetch -> execute          access runs ahead of execution: see accel_prefetch
//                                       |           |
//   aux port, streams <-----------------+           +--> frame <--> embed, rms_norm, rope, linear_synth | linear_covq -> dequant, attention,
//                                                                   swiglu; dequant -> sampler
//
// Ports of memory: 0 .. Slices-1 weight streams, the first of them with the caches of keys and values too (accel_ports), then
// auxiliary, and codebooks, packets, rows of linear_covq; with Gather start values on the first of these, nothing on the others.
// Errors:  the first one is told with cause, place, descriptor and address; nothing new is begun. clear (a pulse) drops everything, waits
//          for what is in flight at the memory and takes the error away; then status is idle.
// Reset:   the memory side must be reset with it (AXI).
//
// Co-quantised linears: with Gather linear_synth's, in two operations, Search and Gather; else those of linear_covq.
// Parameters: those of qwen3_accel.
module accel_core
  import accel_pkg::*;
  import accel_regs_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned Slices = 2,
    parameter int unsigned Tokens = 1,
    parameter int unsigned Batches = 1,
    parameter int unsigned Slots = 32,
    parameter int unsigned Centroids = 64,
    parameter int unsigned FrameLines = 512,
    parameter int unsigned MaxInputs = 2048,
    parameter int unsigned MaxPositions = 2048,
    parameter int unsigned MaxHidden = 1024,
    parameter int unsigned MaxHeadDim = 128,
    parameter int unsigned KvEngines = 1,
    parameter int unsigned QHeads = 4,
    parameter int unsigned StreamBeats = 512,
    parameter int unsigned TablePositions = 512,
    parameter bit Gather = 1'b0,
    parameter bit ClockGates = 1'b0,
    localparam int unsigned Ports = Slices + 4
) (
    input  logic                            clk_i,
    input  logic                            rst_ni,
    input  logic            [         63:0] hash_i,
    input  run_t                            run_i,
    output status_t                         status_o,
    // prompt and output
    input  logic            [         31:0] s_prompt_tdata,
    input  logic                            s_prompt_tvalid,
    output logic                            s_prompt_tready,
    output logic            [   TokenW-1:0] m_token_tdata,
    output logic                            m_token_tvalid,
    input  logic                            m_token_tready,
    // memory
    output logic [Ports-1:0][          0:0] m_axi_arid,
    output logic [Ports-1:0][         63:0] m_axi_araddr,
    output logic [Ports-1:0][          7:0] m_axi_arlen,
    output logic [Ports-1:0][          2:0] m_axi_arsize,
    output logic [Ports-1:0][          1:0] m_axi_arburst,
    output logic [Ports-1:0][          3:0] m_axi_arcache,
    output logic [Ports-1:0][          2:0] m_axi_arprot,
    output logic [Ports-1:0]                m_axi_arvalid,
    input  logic [Ports-1:0]                m_axi_arready,
    input  logic [Ports-1:0][          0:0] m_axi_rid,
    input  logic [Ports-1:0][    BeatW-1:0] m_axi_rdata,
    input  logic [Ports-1:0][          1:0] m_axi_rresp,
    input  logic [Ports-1:0]                m_axi_rlast,
    input  logic [Ports-1:0]                m_axi_rvalid,
    output logic [Ports-1:0]                m_axi_rready,
    output logic [Ports-1:0][          0:0] m_axi_awid,
    output logic [Ports-1:0][         63:0] m_axi_awaddr,
    output logic [Ports-1:0][          7:0] m_axi_awlen,
    output logic [Ports-1:0][          2:0] m_axi_awsize,
    output logic [Ports-1:0][          1:0] m_axi_awburst,
    output logic [Ports-1:0][          3:0] m_axi_awcache,
    output logic [Ports-1:0][          2:0] m_axi_awprot,
    output logic [Ports-1:0]                m_axi_awvalid,
    input  logic [Ports-1:0]                m_axi_awready,
    output logic [Ports-1:0][    BeatW-1:0] m_axi_wdata,
    output logic [Ports-1:0][  BeatW/8-1:0] m_axi_wstrb,
    output logic [Ports-1:0]                m_axi_wlast,
    output logic [Ports-1:0]                m_axi_wvalid,
    input  logic [Ports-1:0]                m_axi_wready,
    input  logic [Ports-1:0][          0:0] m_axi_bid,
    input  logic [Ports-1:0][          1:0] m_axi_bresp,
    input  logic [Ports-1:0]                m_axi_bvalid,
    output logic [Ports-1:0]                m_axi_bready
);
  localparam int unsigned LineBits = 32 * Lanes;
  localparam int unsigned SynthDrainW = (Lanes > 16) ? 8 : 2;  // sums that a slice delivers a cycle, of each of so many tokens:
  localparam int unsigned SynthDrains = (Tokens > 4) ? 4 : 1;
  localparam int unsigned KvBeats = 128;  // keys of a token, all heads of an engine: values come behind them
  localparam int unsigned Aux = Slices, Book = Slices + 1, Packet = Slices + 2, Row = Slices + 3;
  localparam int unsigned Ways = Lanes / 16;  // ports of keys, and of values, that an attention engine has
  localparam int unsigned Sides = KvEngines * Ways;

  // ---- clear and errors ------------------------------------------------------------------------------------------------
  logic clear_q, aux_idle, synth_idle, table_idle, attention_idle;
  logic [1:0] hold_q;  // the parts with a clear of their own need a cycle to say that they are not idle
  wire core_rst_n = rst_ni && !clear_q;
  wire clearing = run_i.clear || (clear_q && hold_q != '0);
  wire all_idle = aux_idle && synth_idle && table_idle && attention_idle;
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      clear_q <= 1'b0;
      hold_q  <= '0;
    end else begin
      clear_q <= run_i.clear || (clear_q && !(all_idle && hold_q == '0));
      hold_q  <= run_i.clear ? '1 : (hold_q == '0) ? '0 : hold_q - 2'd1;
    end
  end

  // ---- clocks of engines that rest between their operations ---------------------------------------------------------------
  logic attention_busy, norm_clk, rope_clk, swiglu_clk, attention_clk, covq_clk, dequant_clk, sampler_clk, table_cmd;
  logic [Stations-1:0] active, op_start;
  descriptor_t [Stations-1:0] op;
  wire wake = !core_rst_n || clearing;
  wire is_table = active[Linear] && operation(op[Linear]) == OpLinearTable;
  wire is_gather = active[Linear] && operation(op[Linear]) == OpGather;
  wire is_synth = active[Linear] && operation(op[Linear]) == OpLinearSynth;
  wire is_sums = is_synth || is_gather;  // of linear_synth
  wire is_search = active[LinearIn] && operation(op[LinearIn]) == OpSearch;
  wire feeds_synth = active[LinearIn] && operation(op[LinearIn]) inside {OpLinearSynth, OpSearch};
  wire feeds_table = active[LinearIn] && operation(op[LinearIn]) == OpLinearTable;
  wire logits = flag(op[Linear], FlagLogits);
  accel_clock_gate #(.Use(ClockGates)) u_norm_clk (.clk_i, .enable_i(wake || active[Normer] || active[Normer2]), .clk_o(norm_clk));
  accel_clock_gate #(.Use(ClockGates)) u_rope_clk (.clk_i, .enable_i(wake || active[Roper]), .clk_o(rope_clk));
  accel_clock_gate #(.Use(ClockGates)) u_swiglu_clk (.clk_i, .enable_i(wake || active[Gater]), .clk_o(swiglu_clk));
  accel_clock_gate #(.Use(ClockGates)) u_attention_clk (
      .clk_i, .enable_i(wake || active[AttendIn] || active[Attender] || attention_busy), .clk_o(attention_clk)  // writes go on after the result
  );
  accel_clock_gate #(.Use(ClockGates)) u_covq_clk (.clk_i, .enable_i(wake || table_cmd || !table_idle), .clk_o(covq_clk));
  accel_clock_gate #(.Use(ClockGates)) u_dequant_clk (.clk_i, .enable_i(wake || active[Linear]), .clk_o(dequant_clk));
  accel_clock_gate #(.Use(ClockGates)) u_sampler_clk (.clk_i, .enable_i(wake || is_sums || active[Chooser]), .clk_o(sampler_clk));

  // ---- sequencer -------------------------------------------------------------------------------------------------------
  logic error_q, done;
  logic [2:0] ended_by;
  logic [PositionW:0] position;
  logic [31:0] produced;
  logic header_start, header_busy, header_done, wrong_version, wrong_hash, tokens_run, tokens_start;
  logic pass_start, pass_end, fetch_idle, fetch_error, prefetch_error, execute_error, token_valid, token_ready;
  logic [2:0] refused;
  logic [TokenW-1:0] token;
  pass_t pass;
  read_t [3:0] read;
  logic [3:0] read_valid, read_ready;
  logic [BeatW-1:0] beat;
  logic beat_last, header_beat, program_beat, program_room, embed_beat, embed_room, pairs_last, pairs_valid, pairs_ready;
  logic [BeatW-1:0] pairs;

  wire idle = !header_busy && !header_done && !tokens_run && !error_q && !clear_q && !run_i.clear && fetch_idle;
  assign header_start = run_i.start && idle;
  assign tokens_start = header_done && !wrong_version && !wrong_hash && !error_q;
  accel_header u_header (
      .clk_i, .rst_ni(core_rst_n), .image_i(run_i.image), .hash_i, .start_i(header_start), .busy_o(header_busy), .done_o(header_done),
      .wrong_version_o(wrong_version), .wrong_hash_o(wrong_hash), .m_read_o(read[0]), .m_read_valid_o(read_valid[0]),
      .m_read_ready_i(read_ready[0]), .s_beat_i(beat[95:0]), .s_last_i(beat_last), .s_beat_valid_i(header_beat)
  );
  accel_tokens #(.Tokens(Batches * Tokens)) u_tokens (
      .clk_i, .rst_ni(core_rst_n), .max_context_i(run_i.max_context[PositionW:0]), .vocab_i(run_i.vocab), .chunk_i(run_i.chunk),
      .new_tokens_i(run_i.new_tokens), .stop_at_end_i(run_i.stop), .end_token_i(run_i.end_tokens),
      .seek_i(run_i.seek), .seek_position_i(run_i.position), .start_i(tokens_start), .abort_i(run_i.abort_run), .run_o(tokens_run), .done_o(done), .ended_by_o(ended_by), .refused_o(refused),
      .position_o(position), .produced_o(produced), .prompt_level_i(run_i.prompt_tokens), .s_prompt_tdata, .s_prompt_tvalid, .s_prompt_tready,
      .pass_start_o(pass_start), .pass_o(pass), .pass_end_i(pass_end),
      .s_token_tdata(token), .s_token_tvalid(token_valid), .s_token_tready(token_ready),
      .m_axis_tdata(m_token_tdata), .m_axis_tvalid(m_token_tvalid), .m_axis_tready(m_token_tready)
  );

  descriptor_t fetched, issued;
  step_t next, asked;
  logic next_valid, next_ready;
  assign issued = asked.op;
  logic fetched_valid, fetched_ready, issued_valid, issued_ready;
  logic [TokenW-1:0] embed_token;
  logic [3:0] issued_tokens;
  logic embed_id, embed_id_ready, embed_read, synth_cmd, synth_cmd_ready, table_cmd_ready;
  accel_fetch u_fetch (
      .clk_i, .rst_ni(core_rst_n), .program_i(run_i.image + {26'b0, run_i.program_unit, 6'b0}), .start_i(pass_start), .idle_o(fetch_idle),
      .error_o(fetch_error), .m_read_o(read[1]), .m_read_valid_o(read_valid[1]), .m_read_ready_i(read_ready[1]),
      .s_beat_i(beat), .s_beat_valid_i(program_beat), .s_beat_ready_o(program_room),
      .m_op_o(fetched), .m_valid_o(fetched_valid), .m_ready_i(fetched_ready)
  );
  accel_interleave #(.Tokens(Tokens), .Batches(Batches)) u_interleave (
      .clk_i, .rst_ni(core_rst_n), .count_i(pass.count), .s_op_i(fetched), .s_valid_i(fetched_valid), .s_ready_o(fetched_ready),
      .m_step_o(next), .m_valid_o(next_valid), .m_ready_i(next_ready)
  );
  accel_prefetch #(.Tokens(Tokens), .Gather(Gather)) u_prefetch (
      .clk_i, .rst_ni(core_rst_n), .image_i(run_i.image), .pass_i(pass), .error_o(prefetch_error),
      .s_step_i(next), .s_valid_i(next_valid), .s_ready_o(next_ready),
      .m_read_o(read[3]), .m_read_valid_o(read_valid[3]), .m_read_ready_i(read_ready[3]),
      .m_embed_id_o(embed_token), .m_embed_valid_o(embed_id), .m_embed_ready_i(embed_id_ready), .embed_read_i(embed_read),
      .m_synth_valid_o(synth_cmd), .m_synth_ready_i(synth_cmd_ready),
      .m_table_valid_o(table_cmd), .m_table_ready_i(table_cmd_ready),
      .m_tokens_o(issued_tokens), .m_step_o(asked), .m_valid_o(issued_valid), .m_ready_i(issued_ready)
  );
  logic rope_cmd, rope_cmd_ready, attention_cmd, attention_cmd_ready;
  logic vector_cmd, vector_cmd_ready, sampler_cmd, sampler_cmd_ready, logits_done, token_done;
  logic [Stations-1:0][Stations-1:0] earlier;
  logic [Stations-1:0] op_done;
  logic [15:0] number;  // of the last descriptor that began, -1 before the first
  logic found;  // a search is over
  logic fed, attended;  // what a linear, attention reads is through
  logic [Writers-1:0] written;
  span_t first, second, third, write;
  tokens_t tokens;
  logic [Stations-1:0][TokenPlaceW-1:0] place_of;
  logic [Stations-1:0][TokenPlaceW:0] count_of;
  logic [LineW-1:0] vector;
  always_comb begin
    op_done = Stations'(written);
    if (logits_done) op_done[Linear] = 1'b1;
    op_done[LinearIn] = fed;
    op_done[AttendIn] = attended;
    op_done[Chooser] = token_done;
  end
  accel_execute #(.Lanes(Lanes), .Lines(FrameLines), .Tokens(Tokens), .Batches(Batches)) u_execute (
      .clk_i, .rst_ni(core_rst_n), .s_step_i(asked), .s_valid_i(issued_valid), .s_ready_o(issued_ready), .stop_i(error_q), .number_o(number),
      .count_i(pass.count), .error_o(execute_error), .end_o(pass_end), .active_o(active), .op_o(op), .place_o(place_of), .count_o(count_of), .start_o(op_start), .before_o(earlier), .done_i(op_done),
      .first_o(first), .second_o(second), .third_o(third), .vector_o(vector), .write_o(write), .tokens_o(tokens),
      .m_rope_valid_o(rope_cmd), .m_rope_ready_i(rope_cmd_ready),
      .m_attention_valid_o(attention_cmd), .m_attention_ready_i(attention_cmd_ready),
      .m_vector_valid_o(vector_cmd), .m_vector_ready_i(vector_cmd_ready),
      .m_sampler_valid_o(sampler_cmd), .m_sampler_ready_i(sampler_cmd_ready)
  );

  // ---- auxiliary port --------------------------------------------------------------------------------------------------
  logic [BeatW-1:0] vec_pairs, vec_exp;
  logic vec_pairs_valid, vec_pairs_ready, vec_exp_valid, vec_exp_ready;
  localparam int unsigned Constants = Gather ? 5 : 3;
  logic [Constants-1:0][LineBits-1:0] constant;  // gains, RoPE rows, scales, factors, start values
  logic [Constants-1:0] constant_last, constant_valid, constant_ready;
  logic aux_error;
  // the port of the start values, in place of linear_covq's first one
  logic [0:0] start_arid;
  logic [63:0] start_araddr;
  logic [7:0] start_arlen;
  logic [2:0] start_arsize, start_arprot;
  logic [1:0] start_arburst;
  logic [3:0] start_arcache;
  logic start_arvalid, start_rready;
  hbm_streamer_pkg::cause_e aux_cause;
  logic [63:0] aux_addr;
  accel_aux #(.Lanes(Lanes), .GainLines(2 * MaxHidden / Lanes), .PairBeats(MaxPositions / 8), .FactorLines(MaxInputs / Lanes), .Gather(Gather)) u_aux (
      .clk_i, .rst_ni, .core_rst_ni(core_rst_n), .clear_i(clearing),
      .s_read_i(read), .s_read_valid_i(read_valid), .s_read_ready_o(read_ready), .m_beat_o(beat), .m_last_o(beat_last),
      .m_header_valid_o(header_beat), .m_program_valid_o(program_beat), .m_program_ready_i(program_room),
      .m_embed_valid_o(embed_beat), .m_embed_ready_i(embed_room), .m_pairs_o(pairs), .m_pairs_last_o(pairs_last),
      .m_pairs_valid_o(pairs_valid), .m_pairs_ready_i(pairs_ready),
      .m_vec_pairs_o(vec_pairs), .m_vec_pairs_valid_o(vec_pairs_valid), .m_vec_pairs_ready_i(vec_pairs_ready),
      .m_vec_exp_o(vec_exp), .m_vec_exp_valid_o(vec_exp_valid), .m_vec_exp_ready_i(vec_exp_ready),
      .m_constant_o(constant), .m_constant_last_o(constant_last), .m_constant_valid_o(constant_valid),
      .m_constant_ready_i(constant_ready),
      .idle_o(aux_idle), .error_o(aux_error), .cause_o(aux_cause), .addr_o(aux_addr),
      .m_axi_arid(m_axi_arid[Aux]), .m_axi_araddr(m_axi_araddr[Aux]), .m_axi_arlen(m_axi_arlen[Aux]),
      .m_axi_arsize(m_axi_arsize[Aux]), .m_axi_arburst(m_axi_arburst[Aux]), .m_axi_arcache(m_axi_arcache[Aux]),
      .m_axi_arprot(m_axi_arprot[Aux]), .m_axi_arvalid(m_axi_arvalid[Aux]), .m_axi_arready(m_axi_arready[Aux]),
      .m_axi_rid(m_axi_rid[Aux]), .m_axi_rdata(m_axi_rdata[Aux]), .m_axi_rresp(m_axi_rresp[Aux]),
      .m_axi_rlast(m_axi_rlast[Aux]), .m_axi_rvalid(m_axi_rvalid[Aux]), .m_axi_rready(m_axi_rready[Aux]),
      .m_axi_start_arid(start_arid), .m_axi_start_araddr(start_araddr), .m_axi_start_arlen(start_arlen),
      .m_axi_start_arsize(start_arsize), .m_axi_start_arburst(start_arburst), .m_axi_start_arcache(start_arcache),
      .m_axi_start_arprot(start_arprot), .m_axi_start_arvalid(start_arvalid), .m_axi_start_arready(m_axi_arready[Book]),
      .m_axi_start_rid(m_axi_rid[Book]), .m_axi_start_rdata(m_axi_rdata[Book]), .m_axi_start_rresp(m_axi_rresp[Book]),
      .m_axi_start_rlast(m_axi_rlast[Book]), .m_axi_start_rvalid(m_axi_rvalid[Book]), .m_axi_start_rready(start_rready)
  );

  // ---- frame and its streams -------------------------------------------------------------------------------------------
  logic [Readers-1:0][LineBits-1:0] from;
  logic [Readers-1:0] from_last, from_valid, from_ready;
  logic [Writers-1:0][LineBits-1:0] into;
  logic [Writers-1:0] into_valid, into_ready;
  frame #(.Lanes(Lanes), .Lines(Batches * FrameLines), .Tokens(Tokens)) u_frame (
      .clk_i, .rst_ni(core_rst_n), .start_i(op_start), .first_i(first), .second_i(second), .third_i(third), .vector_i(vector),
      .write_i(write), .tokens_i(tokens), .before_i(earlier), .done_o(written), .m_axis_tdata(from), .m_axis_tlast(from_last),
      .m_axis_tvalid(from_valid), .m_axis_tready(from_ready), .s_axis_tdata(into), .s_axis_tvalid(into_valid),
      .s_axis_tready(into_ready)
  );
  logic values_q;  // attention: keys are through, values follow
  logic query_q, value_q;  // its queries, its values are through
  wire query_ends = from_valid[FromQuery] && from_ready[FromQuery] && from_last[FromQuery];
  wire key_value_ends = from_valid[FromKeyValue] && from_ready[FromKeyValue] && from_last[FromKeyValue];
  assign attended = active[AttendIn] && (query_q || query_ends) && (value_q || (key_value_ends && values_q));
  always_ff @(posedge clk_i) begin
    if (op_start[AttendIn]) values_q <= 1'b0;
    else if (key_value_ends) values_q <= 1'b1;
    if (!core_rst_n || attended) {query_q, value_q} <= '0;
    else {query_q, value_q} <= {query_q, value_q} | {query_ends, key_value_ends && values_q};
  end

  logic norm_error, rope_last, rope_error, swiglu_last, swiglu_error, attended_last;
  logic synth_ready, vector_ready, key_ready, value_ready;
  logic embed_last, embed_busy, embed_error;
  logic linear_valid, linear_last, linear_ready;
  assign from_ready[FromLinear] = feeds_synth ? synth_ready : vector_ready;
  // A vector of each token: the input is through with the last one.
  logic [TokenPlaceW:0] vectors_q;  // but for the one under way
  wire vector_ends = from_valid[FromLinear] && from_ready[FromLinear] && from_last[FromLinear];
  assign fed = is_search ? found : vector_ends && vectors_q == '0;  // a search goes on to its end
  always_ff @(posedge clk_i) begin
    if (op_start[LinearIn]) vectors_q <= count_of[LinearIn] - (TokenPlaceW + 1)'(1);
    else if (vector_ends) vectors_q <= vectors_q - (TokenPlaceW + 1)'(1);
  end
  assign from_ready[FromKeyValue] = values_q ? value_ready : key_ready;
  assign into_valid[Linear] = linear_valid && !logits;

  embed_pkg::cause_e embed_cause;
  logic [7:0] embed_tag;
  read_t embed_read_cmd;
  embed #(.Lanes(Lanes), .BeatW(BeatW), .ValuesW(17)) u_embed (
      .clk_i, .rst_ni(core_rst_n), .clear_i(1'b0), .base_i(run_i.image + {26'b0, issued[3], 6'b0}),
      .stride_i(issued[4][11:0]), .values_i(issued[2][16:0]), .rows_i(run_i.vocab),
      .s_axis_id_tdata(32'(embed_token)), .s_axis_id_tvalid(embed_id), .s_axis_id_tready(embed_id_ready),
      .m_desc_addr(embed_read_cmd.addr), .m_desc_bytes(embed_read_cmd.bytes), .m_desc_tag(embed_tag),
      .m_desc_tvalid(read_valid[2]), .m_desc_tready(read_ready[2]),
      .s_axis_beat_tdata(beat), .s_axis_beat_tlast(beat_last), .s_axis_beat_tvalid(embed_beat), .s_axis_beat_tready(embed_room),
      .m_axis_tdata(into[Embedder]), .m_axis_tlast(embed_last), .m_axis_tvalid(into_valid[Embedder]),
      .m_axis_tready(into_ready[Embedder]),
      .busy_o(embed_busy), .error_o(embed_error), .cause_o(embed_cause)
  );
  assign embed_read_cmd.tag = AuxEmbed;
  assign read[2] = embed_read_cmd;
  assign embed_read = read_valid[2] && read_ready[2];

  logic [1:0][LineW-1:0] normed_q;  // vectors
  always_ff @(posedge clk_i) begin
    normed_q[0] <= op[Normer][4][LineW-1:0] * LineW'(count_of[Normer]);
    normed_q[1] <= op[Normer2][4][LineW-1:0] * LineW'(count_of[Normer2]);
  end
  accel_norm #(.Lanes(Lanes), .MaxBeats(MaxHidden / Lanes)) u_norm (
      .clk_i(norm_clk), .rst_ni(core_rst_n), .count_i(normed_q), .inv_n_i({op[Normer2][7], op[Normer][7]}),
      .eps_i({op[Normer2][6], op[Normer][6]}), .done_i({written[Normer2], written[Normer]}),
      .s_axis_tdata({from[FromNorm2], from[FromNorm]}), .s_axis_tlast({from_last[FromNorm2], from_last[FromNorm]}),
      .s_axis_tvalid({from_valid[FromNorm2], from_valid[FromNorm]}), .s_axis_tready({from_ready[FromNorm2], from_ready[FromNorm]}),
      .s_axis_gain_tdata(constant[0]), .s_axis_gain_tlast(constant_last[0]), .s_axis_gain_tvalid(constant_valid[0]),
      .s_axis_gain_tready(constant_ready[0]),
      .m_axis_tdata({into[Normer2], into[Normer]}), .m_axis_tvalid({into_valid[Normer2], into_valid[Normer]}),
      .m_axis_tready({into_ready[Normer2], into_ready[Normer]}), .error_o(norm_error)
  );
  rope #(.Lanes(Lanes), .MaxHeadDim(MaxHeadDim)) u_rope (
      .clk_i(rope_clk), .rst_ni(core_rst_n), .s_cmd_head_dim(op[Roper][3][$clog2(MaxHeadDim + 1)-1:0]), .s_cmd_heads(op[Roper][4][15:0]),
      .s_cmd_tvalid(rope_cmd), .s_cmd_tready(rope_cmd_ready),
      .s_axis_row_tdata(constant[1]), .s_axis_row_tlast(constant_last[1]), .s_axis_row_tvalid(constant_valid[1]),
      .s_axis_row_tready(constant_ready[1]),
      .s_axis_tdata(from[FromRope]), .s_axis_tlast(from_last[FromRope]), .s_axis_tvalid(from_valid[FromRope]),
      .s_axis_tready(from_ready[FromRope]),
      .m_axis_tdata(into[Roper]), .m_axis_tlast(rope_last), .m_axis_tvalid(into_valid[Roper]), .m_axis_tready(into_ready[Roper]),
      .error_o(rope_error)
  );
  swiglu #(.Lanes(Lanes)) u_swiglu (
      .clk_i(swiglu_clk), .rst_ni(core_rst_n),
      .s_axis_gate_tdata(from[FromGate]), .s_axis_gate_tlast(from_last[FromGate]), .s_axis_gate_tvalid(from_valid[FromGate]),
      .s_axis_gate_tready(from_ready[FromGate]),
      .s_axis_up_tdata(from[FromUp]), .s_axis_up_tlast(from_last[FromUp]), .s_axis_up_tvalid(from_valid[FromUp]),
      .s_axis_up_tready(from_ready[FromUp]),
      .m_axis_tdata(into[Gater]), .m_axis_tlast(swiglu_last), .m_axis_tvalid(into_valid[Gater]), .m_axis_tready(into_ready[Gater]),
      .error_o(swiglu_error)
  );

  logic attention_error;
  attention_pkg::fault_e attention_fault;
  logic [3:0] attention_cause;
  logic [2:0] attention_engine;
  logic [WindowW-1:0] attention_addr;
  // Where the memory of every port begins in the window: a sum a cycle, long before the first run.
  wire [63:WindowW] window = run_i.port_base[63:WindowW];
  logic [Slices-1:0][WindowW-1:0] port_base_q;
  logic [Sides-1:0][WindowW-1:0] key_base, value_base;
  always_ff @(posedge clk_i) begin
    port_base_q[0] <= run_i.port_base[WindowW-1:0];
    for (int unsigned p = 1; p < Slices; p++) port_base_q[p] <= port_base_q[p-1] + run_i.port_stride[WindowW-1:0];
  end
  always_comb begin
    for (int unsigned n = 0; n < Sides; n++) begin
      key_base[n]   = port_base_q[2*n];
      value_base[n] = port_base_q[2*n+1];
    end
  end
  // keys and values on their way to accel_ports
  logic [Sides-1:0][0:0] k_arid;
  logic [Sides-1:0][WindowW-1:0] k_araddr;
  logic [Sides-1:0][7:0] k_arlen;
  logic [Sides-1:0][2:0] k_arsize;
  logic [Sides-1:0][1:0] k_arburst;
  logic [Sides-1:0][3:0] k_arcache;
  logic [Sides-1:0][2:0] k_arprot;
  logic [Sides-1:0] k_arvalid;
  logic [Sides-1:0] k_arready;
  logic [Sides-1:0][0:0] k_rid;
  logic [Sides-1:0][BeatW-1:0] k_rdata;
  logic [Sides-1:0][1:0] k_rresp;
  logic [Sides-1:0] k_rlast;
  logic [Sides-1:0] k_rvalid;
  logic [Sides-1:0] k_rready;
  logic [Sides-1:0][0:0] k_awid;
  logic [Sides-1:0][WindowW-1:0] k_awaddr;
  logic [Sides-1:0][7:0] k_awlen;
  logic [Sides-1:0][2:0] k_awsize;
  logic [Sides-1:0][1:0] k_awburst;
  logic [Sides-1:0][3:0] k_awcache;
  logic [Sides-1:0][2:0] k_awprot;
  logic [Sides-1:0] k_awvalid;
  logic [Sides-1:0] k_awready;
  logic [Sides-1:0][BeatW-1:0] k_wdata;
  logic [Sides-1:0][BeatW/8-1:0] k_wstrb;
  logic [Sides-1:0] k_wlast;
  logic [Sides-1:0] k_wvalid;
  logic [Sides-1:0] k_wready;
  logic [Sides-1:0][0:0] k_bid;
  logic [Sides-1:0][1:0] k_bresp;
  logic [Sides-1:0] k_bvalid;
  logic [Sides-1:0] k_bready;
  logic [Sides-1:0][0:0] v_arid;
  logic [Sides-1:0][WindowW-1:0] v_araddr;
  logic [Sides-1:0][7:0] v_arlen;
  logic [Sides-1:0][2:0] v_arsize;
  logic [Sides-1:0][1:0] v_arburst;
  logic [Sides-1:0][3:0] v_arcache;
  logic [Sides-1:0][2:0] v_arprot;
  logic [Sides-1:0] v_arvalid;
  logic [Sides-1:0] v_arready;
  logic [Sides-1:0][0:0] v_rid;
  logic [Sides-1:0][BeatW-1:0] v_rdata;
  logic [Sides-1:0][1:0] v_rresp;
  logic [Sides-1:0] v_rlast;
  logic [Sides-1:0] v_rvalid;
  logic [Sides-1:0] v_rready;
  logic [Sides-1:0][0:0] v_awid;
  logic [Sides-1:0][WindowW-1:0] v_awaddr;
  logic [Sides-1:0][7:0] v_awlen;
  logic [Sides-1:0][2:0] v_awsize;
  logic [Sides-1:0][1:0] v_awburst;
  logic [Sides-1:0][3:0] v_awcache;
  logic [Sides-1:0][2:0] v_awprot;
  logic [Sides-1:0] v_awvalid;
  logic [Sides-1:0] v_awready;
  logic [Sides-1:0][BeatW-1:0] v_wdata;
  logic [Sides-1:0][BeatW/8-1:0] v_wstrb;
  logic [Sides-1:0] v_wlast;
  logic [Sides-1:0] v_wvalid;
  logic [Sides-1:0] v_wready;
  logic [Sides-1:0][0:0] v_bid;
  logic [Sides-1:0][1:0] v_bresp;
  logic [Sides-1:0] v_bvalid;
  logic [Sides-1:0] v_bready;
  logic [Slices-1:0][0:0] stream_arid;
  logic [Slices-1:0][63:0] stream_araddr;
  logic [Slices-1:0][7:0] stream_arlen;
  logic [Slices-1:0][2:0] stream_arsize;
  logic [Slices-1:0][1:0] stream_arburst;
  logic [Slices-1:0][3:0] stream_arcache;
  logic [Slices-1:0][2:0] stream_arprot;
  logic [Slices-1:0] stream_arvalid;
  logic [Slices-1:0] stream_arready;
  logic [Slices-1:0][0:0] stream_rid;
  logic [Slices-1:0][BeatW-1:0] stream_rdata;
  logic [Slices-1:0][1:0] stream_rresp;
  logic [Slices-1:0] stream_rlast;
  logic [Slices-1:0] stream_rvalid;
  logic [Slices-1:0] stream_rready;
  wire [9:5][31:0] attend = op[AttendIn][9:5];
  attention_array #(
      .Engines(KvEngines), .Ways(Ways), .QHeads(QHeads), .MaxHeadDim(MaxHeadDim), .AddrW(WindowW), .KvBeats(KvBeats)
  ) u_attention (
      .clk_i(attention_clk), .rst_ni, .key_base_i(key_base), .value_base_i(value_base), .s_cmd_position(pass.position + PositionW'(place_of[AttendIn])), .s_cmd_max_context(run_i.max_context[PositionW:0]),
      .s_cmd_cache_k(WindowW'({attend[7], 6'b0})), .s_cmd_cache_v(WindowW'({attend[8], 6'b0})),
      .s_cmd_heads(attend[5][7:0]), .s_cmd_kv_heads(attend[5][23:16]), .s_cmd_head_dim(attend[6][9:0]), .s_cmd_scale(attend[9]),
      .s_cmd_tvalid(attention_cmd), .s_cmd_tready(attention_cmd_ready),
      .s_axis_q_tdata(from[FromQuery]), .s_axis_q_tvalid(from_valid[FromQuery]), .s_axis_q_tready(from_ready[FromQuery]),
      .s_axis_k_tdata(from[FromKeyValue]), .s_axis_k_tvalid(from_valid[FromKeyValue] && !values_q), .s_axis_k_tready(key_ready),
      .s_axis_v_tdata(from[FromKeyValue]), .s_axis_v_tvalid(from_valid[FromKeyValue] && values_q), .s_axis_v_tready(value_ready),
      .m_axis_tdata(into[Attender]), .m_axis_tlast(attended_last), .m_axis_tvalid(into_valid[Attender]),
      .m_axis_tready(into_ready[Attender]),
`define LUTLOOM_PORT(side, n) \
      .m_axi_``side``_arid(m_axi_arid[n]), .m_axi_``side``_araddr(m_axi_araddr[n]), .m_axi_``side``_arlen(m_axi_arlen[n]), \
      .m_axi_``side``_arsize(m_axi_arsize[n]), .m_axi_``side``_arburst(m_axi_arburst[n]), \
      .m_axi_``side``_arcache(m_axi_arcache[n]), .m_axi_``side``_arprot(m_axi_arprot[n]), \
      .m_axi_``side``_arvalid(m_axi_arvalid[n]), .m_axi_``side``_arready(m_axi_arready[n]), \
      .m_axi_``side``_rid(m_axi_rid[n]), .m_axi_``side``_rdata(m_axi_rdata[n]), .m_axi_``side``_rresp(m_axi_rresp[n]), \
      .m_axi_``side``_rlast(m_axi_rlast[n]), .m_axi_``side``_rvalid(m_axi_rvalid[n]), .m_axi_``side``_rready(m_axi_rready[n])
      .m_axi_k_arid(k_arid), .m_axi_k_araddr(k_araddr), .m_axi_k_arlen(k_arlen), .m_axi_k_arsize(k_arsize), .m_axi_k_arburst(k_arburst),
      .m_axi_k_arcache(k_arcache), .m_axi_k_arprot(k_arprot), .m_axi_k_arvalid(k_arvalid), .m_axi_k_arready(k_arready), .m_axi_k_rid(k_rid),
      .m_axi_k_rdata(k_rdata), .m_axi_k_rresp(k_rresp), .m_axi_k_rlast(k_rlast), .m_axi_k_rvalid(k_rvalid), .m_axi_k_rready(k_rready),
      .m_axi_k_awid(k_awid), .m_axi_k_awaddr(k_awaddr), .m_axi_k_awlen(k_awlen), .m_axi_k_awsize(k_awsize), .m_axi_k_awburst(k_awburst),
      .m_axi_k_awcache(k_awcache), .m_axi_k_awprot(k_awprot), .m_axi_k_awvalid(k_awvalid), .m_axi_k_awready(k_awready), .m_axi_k_wdata(k_wdata),
      .m_axi_k_wstrb(k_wstrb), .m_axi_k_wlast(k_wlast), .m_axi_k_wvalid(k_wvalid), .m_axi_k_wready(k_wready), .m_axi_k_bid(k_bid),
      .m_axi_k_bresp(k_bresp), .m_axi_k_bvalid(k_bvalid), .m_axi_k_bready(k_bready),
      .m_axi_v_arid(v_arid), .m_axi_v_araddr(v_araddr), .m_axi_v_arlen(v_arlen), .m_axi_v_arsize(v_arsize), .m_axi_v_arburst(v_arburst),
      .m_axi_v_arcache(v_arcache), .m_axi_v_arprot(v_arprot), .m_axi_v_arvalid(v_arvalid), .m_axi_v_arready(v_arready), .m_axi_v_rid(v_rid),
      .m_axi_v_rdata(v_rdata), .m_axi_v_rresp(v_rresp), .m_axi_v_rlast(v_rlast), .m_axi_v_rvalid(v_rvalid), .m_axi_v_rready(v_rready),
      .m_axi_v_awid(v_awid), .m_axi_v_awaddr(v_awaddr), .m_axi_v_awlen(v_awlen), .m_axi_v_awsize(v_awsize), .m_axi_v_awburst(v_awburst),
      .m_axi_v_awcache(v_awcache), .m_axi_v_awprot(v_awprot), .m_axi_v_awvalid(v_awvalid), .m_axi_v_awready(v_awready), .m_axi_v_wdata(v_wdata),
      .m_axi_v_wstrb(v_wstrb), .m_axi_v_wlast(v_wlast), .m_axi_v_wvalid(v_wvalid), .m_axi_v_wready(v_wready), .m_axi_v_bid(v_bid),
      .m_axi_v_bresp(v_bresp), .m_axi_v_bvalid(v_bvalid), .m_axi_v_bready(v_bready),
      .clear_i(clearing), .busy_o(attention_busy), .idle_o(attention_idle), .error_o(attention_error),
      .error_fault_o(attention_fault), .error_cause_o(attention_cause), .error_addr_o(attention_addr),
      .error_engine_o(attention_engine)
  );

  // ---- linears ---------------------------------------------------------------------------------------------------------
  logic [LineBits-1:0] synth_acc, table_acc;
  logic synth_acc_last, synth_acc_valid, table_acc_last, table_acc_valid, acc_ready, act_scale_valid, act_scale_ready;
  logic [31:0] act_scale;
  logic synth_error, synth_busy, table_error;
  linear_synth_pkg::error_source_e synth_source;
  logic [3:0] synth_cause;
  logic [63:0] synth_addr;
  logic [$clog2(Slices > 1 ? Slices : 2)-1:0] synth_slice;
  logic factor_ready, start_ready;
  wire searches = operation(issued) == OpSearch;
  wire gathers = operation(issued) == OpGather;
  logic summed_q;  // all sums of the operation are taken: those that come are of the next
  wire sums_here = is_sums && !summed_q;
  always_ff @(posedge clk_i) begin
    if (op_start[Linear]) summed_q <= 1'b0;
    else if (sums_here && synth_acc_valid && acc_ready && synth_acc_last) summed_q <= 1'b1;
  end
  linear_synth #(
      .Slices(Slices), .Width(Lanes), .Slots(Slots), .Centroids(Centroids), .MaxInputs(MaxInputs), .MaxPositions(MaxPositions), .BufferBeats(StreamBeats),
      .DrainW(SynthDrainW), .Tokens(Tokens), .Drains(SynthDrains), .Gather(Gather)
  ) u_synth (
      .clk_i, .rst_ni, .port_base_i(run_i.port_base), .port_stride_i(run_i.port_stride),
      .s_cmd_inputs(issued[4][15:0]), .s_cmd_outputs({issued[5][18:4] + 15'(issued[5][3:0] != 4'd0), 4'b0}),
      .s_cmd_positions(issued[10][15:0]), .s_cmd_group(issued[10][31:16]), .s_cmd_code(searches ? 2'd2 : code_of(issued[11][7:0])),
      .s_cmd_act_bits(issued[11][11:8]), .s_cmd_subsets(log2_of(issued[11][22:16])), .s_cmd_stream(issued[8]), .s_cmd_beats(issued[9]), .s_cmd_tokens(issued_tokens),
      .s_cmd_mode(searches ? linear_synth_pkg::ModeSearch : gathers ? linear_synth_pkg::ModeGather : linear_synth_pkg::ModeSynth),
      .s_cmd_tvalid(synth_cmd), .s_cmd_tready(synth_cmd_ready),
      .s_axis_tdata(from[FromLinear]), .s_axis_tlast(from_last[FromLinear]), .s_axis_tvalid(feeds_synth && from_valid[FromLinear]),
      .s_axis_tready(synth_ready),
      .s_axis_factor_tdata(constant[Constants-2]), .s_axis_factor_tvalid(is_search && constant_valid[Constants-2]),
      .s_axis_factor_tready(factor_ready),
      .s_axis_pairs_tdata(pairs), .s_axis_pairs_tlast(pairs_last), .s_axis_pairs_tvalid(pairs_valid),
      .s_axis_pairs_tready(pairs_ready),
      .m_axis_acc_tdata(synth_acc), .m_axis_acc_tlast(synth_acc_last), .m_axis_acc_tvalid(synth_acc_valid),
      .m_axis_acc_tready(sums_here && acc_ready),
      .m_axis_act_tdata(act_scale), .m_axis_act_tvalid(act_scale_valid), .m_axis_act_tready(act_scale_ready),
      .m_axi_arid(stream_arid), .m_axi_araddr(stream_araddr), .m_axi_arlen(stream_arlen), .m_axi_arsize(stream_arsize), .m_axi_arburst(stream_arburst),
      .m_axi_arcache(stream_arcache), .m_axi_arprot(stream_arprot), .m_axi_arvalid(stream_arvalid), .m_axi_arready(stream_arready), .m_axi_rid(stream_rid),
      .m_axi_rdata(stream_rdata), .m_axi_rresp(stream_rresp), .m_axi_rlast(stream_rlast), .m_axi_rvalid(stream_rvalid), .m_axi_rready(stream_rready),
      .clear_i(clearing), .found_o(found), .busy_o(synth_busy), .idle_o(synth_idle), .error_o(synth_error), .error_source_o(synth_source), .error_cause_o(synth_cause),
      .error_slice_o(synth_slice), .error_addr_o(synth_addr)
  );
  function automatic logic [2:0] log2_of(input logic [6:0] power);
    for (int unsigned n = 6; n > 0; n--) if (power[n]) return 3'(n);
    return '0;
  endfunction
  function automatic logic [1:0] code_of(input logic [7:0] centroids);
    return (centroids == 8'd64) ? 2'd2 : (centroids == 8'd32) ? 2'd1 : 2'd0;
  endfunction

  linear_covq_pkg::error_source_e table_source;
  logic [3:0] table_cause;
  if (!Gather) begin : gen_covq
    wire unused = ^{factor_ready, start_ready, start_arid, start_araddr, start_arlen, start_arsize, start_arburst, start_arcache,
                    start_arprot, start_arvalid, start_rready};
    localparam int unsigned DrainW = 2;
    logic [15:0] vec;
    logic vec_valid, vec_ready, drain_last, drain_valid, drain_ready;
    logic [32*DrainW-1:0] drain;
    accel_vector #(.Lanes(Lanes), .MaxInputs(MaxInputs)) u_vector (
        .clk_i, .rst_ni(core_rst_n), .s_cmd_positions(op[LinearIn][12][31:16]), .s_cmd_tvalid(vector_cmd), .s_cmd_tready(vector_cmd_ready),
        .s_axis_tdata(from[FromLinear]), .s_axis_tlast(from_last[FromLinear]), .s_axis_tvalid(feeds_table && from_valid[FromLinear]),
        .s_axis_tready(vector_ready),
        .s_axis_pairs_tdata(vec_pairs), .s_axis_pairs_tvalid(vec_pairs_valid), .s_axis_pairs_tready(vec_pairs_ready),
        .s_axis_exp_tdata(vec_exp), .s_axis_exp_tvalid(vec_exp_valid), .s_axis_exp_tready(vec_exp_ready),
        .m_axis_tdata(vec), .m_axis_tvalid(vec_valid), .m_axis_tready(vec_ready)
    );
    wire table_mode = !pass.last;  // a prompt's tokens but the last; the golden results are the same
    logic [31:0] row_unit_q;  // the command comes some cycles after its descriptor
    always_ff @(posedge clk_i) row_unit_q <= table_mode ? issued[10] : issued[9];
    linear_covq #(
        .Tokens(1), .MaxTokens(1), .DrainW(DrainW), .MaxPositions(MaxPositions), .TablePositions(TablePositions),
        .AccW((MaxPositions > 4096) ? 29 : 28)  // sums of a longer linear do not fit 28
    ) u_covq (
        .clk_i(covq_clk), .rst_ni, .s_cmd_table(table_mode), .s_cmd_search(flag(issued, FlagSearch)), .s_cmd_k_code(2'd0),
        .s_cmd_c_code(2'd2), .s_cmd_positions(issued[12][31:16]), .s_cmd_tokens(16'd1),
        .s_cmd_slots(8'((issued[13][15:0] + 16'd31) >> 5)),
        .s_cmd_cb_addr(run_i.image + {26'b0, issued[6], 6'b0}), .s_cmd_packet_addr(run_i.image + {26'b0, issued[7], 6'b0}),
        .s_cmd_packet_bytes({issued[8][26:0], 5'b0}),
        .s_cmd_row_addr(run_i.image + {26'b0, row_unit_q, 6'b0}),
        .s_cmd_row_stride(issued[13][31:16]), .s_cmd_row_offset(issued[14][15:0]),
        .s_cmd_tvalid(table_cmd), .s_cmd_tready(table_cmd_ready),
        .s_axis_vec_tdata(vec), .s_axis_vec_tvalid(vec_valid), .s_axis_vec_tready(vec_ready),
        .m_axis_acc_tdata(drain), .m_axis_acc_tlast(drain_last), .m_axis_acc_tvalid(drain_valid), .m_axis_acc_tready(drain_ready),
        `LUTLOOM_PORT(cb, Book), `LUTLOOM_PORT(idx, Packet), `LUTLOOM_PORT(row, Row),
        .clear_i(clearing), .idle_o(table_idle), .error_o(table_error), .error_source_o(table_source), .error_cause_o(table_cause)
    );
    accel_widen #(.Lanes(Lanes), .Words(DrainW)) u_widen (
        .clk_i, .rst_ni(core_rst_n), .lines_i(lines({16'b0, op[Linear][13][15:0]}, Lanes)), .s_axis_tdata(drain), .s_axis_tlast(drain_last),
        .s_axis_tvalid(is_table && drain_valid), .s_axis_tready(drain_ready),
        .m_axis_tdata(table_acc), .m_axis_tlast(table_acc_last), .m_axis_tvalid(table_acc_valid), .m_axis_tready(is_table && acc_ready)
    );
  end else begin : gen_no_covq
    assign constant_ready[3] = is_search && factor_ready;
    assign constant_ready[4] = is_gather && start_ready;
    assign vec_pairs_ready   = 1'b0;
    assign vec_exp_ready     = 1'b0;
    assign vector_ready      = 1'b0;
    assign vector_cmd_ready  = 1'b0;
    assign table_cmd_ready   = 1'b0;
    assign table_acc         = '0;
    assign table_acc_last    = 1'b0;
    assign table_acc_valid   = 1'b0;
    assign table_idle        = 1'b1;
    assign table_error       = 1'b0;
    assign table_source      = linear_covq_pkg::FromNone;
    assign table_cause       = '0;
    assign m_axi_arid[Book]    = start_arid;
    assign m_axi_araddr[Book]  = start_araddr;
    assign m_axi_arlen[Book]   = start_arlen;
    assign m_axi_arsize[Book]  = start_arsize;
    assign m_axi_arburst[Book] = start_arburst;
    assign m_axi_arcache[Book] = start_arcache;
    assign m_axi_arprot[Book]  = start_arprot;
    assign m_axi_arvalid[Book] = start_arvalid;
    assign m_axi_rready[Book]  = start_rready;
    for (genvar p = Packet; p < Ports; p++) begin : gen_unused_port
      assign m_axi_arid[p]    = '0;
      assign m_axi_araddr[p]  = '0;
      assign m_axi_arlen[p]   = '0;
      assign m_axi_arsize[p]  = '0;
      assign m_axi_arburst[p] = '0;
      assign m_axi_arcache[p] = '0;
      assign m_axi_arprot[p]  = '0;
      assign m_axi_arvalid[p] = 1'b0;
      assign m_axi_rready[p]  = 1'b1;
    end
    wire unused = ^{feeds_table, vec_pairs, vec_pairs_valid, vec_exp, vec_exp_valid, vector_cmd, table_cmd, covq_clk, m_axi_arready[Ports-1:Packet],
                    m_axi_rid[Ports-1:Packet], m_axi_rdata[Ports-1:Packet], m_axi_rresp[Ports-1:Packet], m_axi_rlast[Ports-1:Packet],
                    m_axi_rvalid[Ports-1:Packet], constant_last[3], constant_last[4]};
  end
`undef LUTLOOM_PORT

  dequant #(.Lanes(Lanes), .Tokens(Tokens), .Start(Gather)) u_dequant (
      .clk_i(dequant_clk), .rst_ni(core_rst_n), .use_start_i(is_gather), .use_act_scale_i(is_synth), .use_residual_i(flag(op[Linear], FlagResidual)), .tokens_i(($clog2(Tokens + 1))'(count_of[Linear])),
      .s_axis_tdata(is_sums ? synth_acc : table_acc), .s_axis_tlast(is_sums ? synth_acc_last : table_acc_last),
      .s_axis_tvalid(is_sums ? sums_here && synth_acc_valid : is_table && table_acc_valid), .s_axis_tready(acc_ready),
      .s_axis_scale_tdata(constant[2]), .s_axis_scale_tvalid(active[Linear] && constant_valid[2]), .s_axis_scale_tready(constant_ready[2]),
      .s_axis_start_tdata(constant[Constants-1]), .s_axis_start_tvalid(is_gather && constant_valid[Constants-1]),
      .s_axis_start_tready(start_ready),
      .s_axis_act_tdata(act_scale), .s_axis_act_tvalid(is_synth && act_scale_valid), .s_axis_act_tready(act_scale_ready),
      .s_axis_residual_tdata(from[FromResidual]), .s_axis_residual_tvalid(from_valid[FromResidual]),
      .s_axis_residual_tready(from_ready[FromResidual]),
      .m_axis_tdata(into[Linear]), .m_axis_tlast(linear_last), .m_axis_tvalid(linear_valid), .m_axis_tready(linear_ready)
  );

  // ---- sampler ---------------------------------------------------------------------------------------------------------
  logic sampled, token_ready_q, logits_ready, sampler_error, top_last, top_valid;
  logic [TokenW+31:0] top;
  wire [$clog2(Lanes)-1:0] tail = run_i.vocab[$clog2(Lanes)-1:0];  // logits of the last line, 0 for all
  wire logits_here = is_sums && logits && linear_valid;
  assign linear_ready = logits ? logits_ready : into_ready[Linear];
  assign logits_done = logits_here && logits_ready && linear_last;
  assign token_ready_q = token_ready && active[Chooser];
  sampler #(.Lanes(Lanes), .IdW(TokenW)) u_sampler (
      .clk_i(sampler_clk), .rst_ni(core_rst_n), .s_cmd_noise(run_i.noise), .s_cmd_inv_temp(run_i.inv_temp), .s_cmd_seed(run_i.seed),
      .s_cmd_step(produced), .s_cmd_tvalid(sampler_cmd), .s_cmd_tready(sampler_cmd_ready),
      .s_axis_tdata(into[Linear]), .s_axis_tkeep((linear_last && tail != '0) ? ~({Lanes{1'b1}} << tail) : '1),
      .s_axis_tlast(linear_last), .s_axis_tvalid(logits_here), .s_axis_tready(logits_ready),
      .m_axis_token_tdata(token), .m_axis_token_tvalid(sampled), .m_axis_token_tready(token_ready_q),
      .m_axis_top_tdata(top), .m_axis_top_tlast(top_last), .m_axis_top_tvalid(top_valid), .m_axis_top_tready(1'b1),
      .error_o(sampler_error)
  );
  assign token_valid = sampled && active[Chooser];
  assign token_done = token_valid && token_ready;

  // ---- the first error -------------------------------------------------------------------------------------------------
  function automatic logic [7:0] memory(input logic [3:0] cause);  // of hbm_streamer_pkg
    case (hbm_streamer_pkg::cause_e'(cause))
      hbm_streamer_pkg::CauseSlvErr:   return CauseSlaveError;
      hbm_streamer_pkg::CauseDecErr:   return CauseDecodeError;
      hbm_streamer_pkg::CauseProtocol: return CauseAxiProtocol;
      default:                         return CauseBadDescriptor;
    endcase
  endfunction
  function automatic logic [7:0] side(input attention_pkg::fault_e fault, input logic [3:0] cause);
    return (fault == attention_pkg::FaultCommand) ? CauseBadDescriptor : memory(cause);
  endfunction

  logic [7:0] cause, place;
  logic [63:0] addr;
  always_comb begin
    cause = CauseNone;
    place = UnitControl;
    addr  = '0;
    if (run_i.watchdog) cause = CauseWatchdog;
    else if (aux_error) begin
      cause = memory(aux_cause);
      addr  = aux_addr;
    end else if (synth_error) begin
      case (synth_source)
        linear_synth_pkg::FromPort:   cause = memory(synth_cause);
        linear_synth_pkg::FromPacket: cause = CauseLinearPacket;
        default:                      cause = CauseBadDescriptor;
      endcase
      place = (synth_source inside {linear_synth_pkg::FromPort, linear_synth_pkg::FromPacket}) ? UnitPort + 8'(synth_slice)
            : UnitLinearSynth;
      addr  = synth_addr;
    end else if (table_error) begin
      cause = (table_source == linear_covq_pkg::FromCommand) ? CauseBadDescriptor
            : (table_source inside {linear_covq_pkg::FromCodebook, linear_covq_pkg::FromIndex, linear_covq_pkg::FromRow})
            ? memory(table_cause) : CauseLinearPacket;
      place = UnitLinearCovq;
    end else if (attention_error) begin
      cause = side(attention_fault, attention_cause);
      place = UnitAttention;
      addr  = {window, attention_addr};
    end else if (header_done && wrong_version) cause = CauseImageVersion;
    else if (header_done && wrong_hash) cause = CauseImageHash;
    else if (refused[0]) cause = CausePromptEmpty;
    else if (refused[1]) cause = CauseContextFull;
    else if (refused[2]) cause = CausePromptToken;
    else if (fetch_error || prefetch_error) cause = CauseUnknownOperation;
    else if (execute_error) cause = CauseBadDescriptor;
    else if (embed_error || norm_error || rope_error || swiglu_error || sampler_error) begin
      cause = CauseBadDescriptor;
      place = embed_error ? UnitEmbed : norm_error ? UnitNorm : rope_error ? UnitRope : swiglu_error ? UnitSwiglu : UnitSampler;
    end
  end
  // Status is a cycle late, the end and the error alike.
  typedef struct packed {
    logic        done;
    logic [2:0]  ended_by;
    logic        error;
    logic [7:0]  cause;
    logic [7:0]  place;
    logic [63:0] addr;
    logic        execute;    // whose descriptor it is
    logic        attention;
    logic [15:0] number;
  } told_t;
  told_t told_q;
  wire unlawful = fetch_error || prefetch_error || execute_error || embed_error || norm_error || rope_error
      || swiglu_error || sampler_error;
  wire failed = !error_q && !clear_q && (run_i.watchdog || aux_error || synth_error || table_error || attention_error
      || (header_done && (wrong_version || wrong_hash)) || refused != '0 || unlawful);
  always_ff @(posedge clk_i) begin
    if (!core_rst_n || run_i.clear) error_q <= 1'b0;
    else if (failed) error_q <= 1'b1;
    told_q <= '{done: done && core_rst_n, ended_by: ended_by, error: failed && core_rst_n, cause: cause, place: place,
        addr: addr, execute: execute_error, attention: attention_error, number: number};
  end

  a_cause :  // `failed` is the same, without the way through the causes
  assert property (@(posedge clk_i) disable iff (!core_rst_n)
      failed == (cause != CauseNone && !error_q && !clear_q));

  // ---- status ----------------------------------------------------------------------------------------------------------
  logic [Stations-1:0][3:0] ops;
  logic [Stations-1:0] lacks;  // waits for constants
  logic [Classes-1:0][Ports-1:0] moved;
  logic [Classes-1:0][6:0] beats;
  logic [15:0] at_work, attending;
  logic [3:0] turn;
  logic stall_memory, stall_dependency, progress;
  wire [Ports-1:0] reads = m_axi_rvalid & m_axi_rready;
  wire line_moved = (into_valid & into_ready) != '0 || (from_valid & from_ready) != '0 || logits_here && logits_ready;
  always_comb begin
    for (int unsigned u = 0; u < Stations; u++) ops[u] = operation(op[u]);
    lacks                 = '0;
    lacks[Normer]         = constant_ready[0] && !constant_valid[0];
    lacks[Normer2]        = lacks[Normer];
    lacks[Roper]          = constant_ready[1] && !constant_valid[1];
    lacks[Linear]         = !constant_valid[2] && (is_sums ? synth_acc_valid : table_acc_valid);
    moved                 = '0;
    moved[ClassStreams]   = Ports'(stream_rvalid & stream_rready);
    moved[ClassAuxiliary] = Ports'({Gather && reads[Book], reads[Aux]});
    moved[ClassKvRead]    = Ports'({k_rvalid & k_rready, v_rvalid & v_rready});
    moved[ClassKvWrite]   = m_axi_wvalid & m_axi_wready;
    moved[ClassCodebooks] = Ports'(!Gather && reads[Book]);
    moved[ClassPackets]   = Ports'(reads[Packet]);
    moved[ClassRows]      = Ports'(reads[Row]);
  end
  accel_count #(.Width(Ports)) u_count (
      .clk_i, .active_i(active), .before_i(earlier), .start_i(op_start), .op_i(ops), .number_i(number),
      .lacks_i(lacks), .line_i(line_moved), .beats_i(moved), .at_work_o(at_work), .attending_o(attending),
      .turn_o(turn), .stall_memory_o(stall_memory), .stall_dependency_o(stall_dependency), .progress_o(progress),
      .beats_o(beats)
  );
  always_comb begin
    status_o                  = '0;
    status_o.idle             = idle;
    status_o.done             = told_q.done;
    status_o.ended_by         = ended_e'(told_q.ended_by);
    status_o.error            = told_q.error;
    status_o.cause            = cause_e'(told_q.cause);
    status_o.place            = told_q.place;
    status_o.addr             = told_q.addr;
    status_o.descriptor       = told_q.execute ? told_q.number : told_q.attention ? attending : at_work;
    status_o.position         = 32'(position);
    status_o.progress         = progress;
    status_o.turn             = turn;
    status_o.stall_memory     = stall_memory;
    status_o.stall_dependency = stall_dependency;
    status_o.beats            = beats;
  end

  // ---- ports of memory -------------------------------------------------------------------------------------------------
  accel_ports #(.Slices(Slices), .Sides(Sides)) u_ports (
      .clk_i, .rst_ni, .window_i(window),
      .s_axi_stream_arid(stream_arid), .s_axi_stream_araddr(stream_araddr), .s_axi_stream_arlen(stream_arlen), .s_axi_stream_arsize(stream_arsize),
      .s_axi_stream_arburst(stream_arburst), .s_axi_stream_arcache(stream_arcache), .s_axi_stream_arprot(stream_arprot), .s_axi_stream_arvalid(stream_arvalid),
      .s_axi_stream_arready(stream_arready), .s_axi_stream_rid(stream_rid), .s_axi_stream_rdata(stream_rdata), .s_axi_stream_rresp(stream_rresp),
      .s_axi_stream_rlast(stream_rlast), .s_axi_stream_rvalid(stream_rvalid), .s_axi_stream_rready(stream_rready), .s_axi_k_arid(k_arid),
      .s_axi_k_araddr(k_araddr), .s_axi_k_arlen(k_arlen), .s_axi_k_arsize(k_arsize), .s_axi_k_arburst(k_arburst),
      .s_axi_k_arcache(k_arcache), .s_axi_k_arprot(k_arprot), .s_axi_k_arvalid(k_arvalid), .s_axi_k_arready(k_arready),
      .s_axi_k_rid(k_rid), .s_axi_k_rdata(k_rdata), .s_axi_k_rresp(k_rresp), .s_axi_k_rlast(k_rlast),
      .s_axi_k_rvalid(k_rvalid), .s_axi_k_rready(k_rready), .s_axi_k_awid(k_awid), .s_axi_k_awaddr(k_awaddr),
      .s_axi_k_awlen(k_awlen), .s_axi_k_awsize(k_awsize), .s_axi_k_awburst(k_awburst), .s_axi_k_awcache(k_awcache),
      .s_axi_k_awprot(k_awprot), .s_axi_k_awvalid(k_awvalid), .s_axi_k_awready(k_awready), .s_axi_k_wdata(k_wdata),
      .s_axi_k_wstrb(k_wstrb), .s_axi_k_wlast(k_wlast), .s_axi_k_wvalid(k_wvalid), .s_axi_k_wready(k_wready),
      .s_axi_k_bid(k_bid), .s_axi_k_bresp(k_bresp), .s_axi_k_bvalid(k_bvalid), .s_axi_k_bready(k_bready),
      .s_axi_v_arid(v_arid), .s_axi_v_araddr(v_araddr), .s_axi_v_arlen(v_arlen), .s_axi_v_arsize(v_arsize),
      .s_axi_v_arburst(v_arburst), .s_axi_v_arcache(v_arcache), .s_axi_v_arprot(v_arprot), .s_axi_v_arvalid(v_arvalid),
      .s_axi_v_arready(v_arready), .s_axi_v_rid(v_rid), .s_axi_v_rdata(v_rdata), .s_axi_v_rresp(v_rresp),
      .s_axi_v_rlast(v_rlast), .s_axi_v_rvalid(v_rvalid), .s_axi_v_rready(v_rready), .s_axi_v_awid(v_awid),
      .s_axi_v_awaddr(v_awaddr), .s_axi_v_awlen(v_awlen), .s_axi_v_awsize(v_awsize), .s_axi_v_awburst(v_awburst),
      .s_axi_v_awcache(v_awcache), .s_axi_v_awprot(v_awprot), .s_axi_v_awvalid(v_awvalid), .s_axi_v_awready(v_awready),
      .s_axi_v_wdata(v_wdata), .s_axi_v_wstrb(v_wstrb), .s_axi_v_wlast(v_wlast), .s_axi_v_wvalid(v_wvalid),
      .s_axi_v_wready(v_wready), .s_axi_v_bid(v_bid), .s_axi_v_bresp(v_bresp), .s_axi_v_bvalid(v_bvalid),
      .s_axi_v_bready(v_bready), .m_axi_arid(m_axi_arid[Slices-1:0]), .m_axi_araddr(m_axi_araddr[Slices-1:0]), .m_axi_arlen(m_axi_arlen[Slices-1:0]),
      .m_axi_arsize(m_axi_arsize[Slices-1:0]), .m_axi_arburst(m_axi_arburst[Slices-1:0]), .m_axi_arcache(m_axi_arcache[Slices-1:0]), .m_axi_arprot(m_axi_arprot[Slices-1:0]),
      .m_axi_arvalid(m_axi_arvalid[Slices-1:0]), .m_axi_arready(m_axi_arready[Slices-1:0]), .m_axi_rid(m_axi_rid[Slices-1:0]), .m_axi_rdata(m_axi_rdata[Slices-1:0]),
      .m_axi_rresp(m_axi_rresp[Slices-1:0]), .m_axi_rlast(m_axi_rlast[Slices-1:0]), .m_axi_rvalid(m_axi_rvalid[Slices-1:0]), .m_axi_rready(m_axi_rready[Slices-1:0]),
      .m_axi_awid(m_axi_awid[Slices-1:0]), .m_axi_awaddr(m_axi_awaddr[Slices-1:0]), .m_axi_awlen(m_axi_awlen[Slices-1:0]), .m_axi_awsize(m_axi_awsize[Slices-1:0]),
      .m_axi_awburst(m_axi_awburst[Slices-1:0]), .m_axi_awcache(m_axi_awcache[Slices-1:0]), .m_axi_awprot(m_axi_awprot[Slices-1:0]), .m_axi_awvalid(m_axi_awvalid[Slices-1:0]),
      .m_axi_awready(m_axi_awready[Slices-1:0]), .m_axi_wdata(m_axi_wdata[Slices-1:0]), .m_axi_wstrb(m_axi_wstrb[Slices-1:0]), .m_axi_wlast(m_axi_wlast[Slices-1:0]),
      .m_axi_wvalid(m_axi_wvalid[Slices-1:0]), .m_axi_wready(m_axi_wready[Slices-1:0]), .m_axi_bid(m_axi_bid[Slices-1:0]), .m_axi_bresp(m_axi_bresp[Slices-1:0]),
      .m_axi_bvalid(m_axi_bvalid[Slices-1:0]), .m_axi_bready(m_axi_bready[Slices-1:0])
  );
  for (genvar p = Slices; p < Ports; p++) begin : gen_read_only
    assign m_axi_awid[p] = '0;
    assign m_axi_awaddr[p] = '0;
    assign m_axi_awlen[p] = '0;
    assign m_axi_awsize[p] = '0;
    assign m_axi_awburst[p] = '0;
    assign m_axi_awcache[p] = '0;
    assign m_axi_awprot[p] = '0;
    assign m_axi_awvalid[p] = '0;
    assign m_axi_wdata[p] = '0;
    assign m_axi_wstrb[p] = '0;
    assign m_axi_wlast[p] = '0;
    assign m_axi_wvalid[p] = '0;
    assign m_axi_bready[p] = '1;
  end

  wire unused = ^{place_of, count_of, m_axi_awready[Ports-1:Slices], m_axi_wready[Ports-1:Slices], m_axi_bid[Ports-1:Slices], m_axi_bresp[Ports-1:Slices],
                  m_axi_bvalid[Ports-1:Slices], constant_last[2], top, top_last, top_valid, embed_tag, embed_busy, embed_last, embed_cause, synth_busy, rope_last,
                  swiglu_last, attended_last, attention_engine, attend[6][31:10], attend[5][31:24], attend[5][15:8], attention_busy};
endmodule
