// linear_synth_vector: the activations of a command, quantised, as a broadcast to the slices' activation memories: one vector for
// each of its tokens, one behind the other. Of a search int8 values, each with its factor; of a gather the indices that were found.
//
// Lanes behind the last input count as zero, whatever they carry. A vector of the wrong length stops here, before it is whole: no
// slice ever works on it.
//
// Latency:       from a vector's last beat to its first integers on the broadcast: that of act_quant (log2 Width + 51) + 2; of a search
//                from a beat to its integers that of linear_synth_fixed + 2.
// Throughput:    one beat (Width values) a cycle; 8 cycles more between two vectors on the broadcast.
// Back-pressure: a vector is only sent when every slice has a free bank; then nothing can stop it.
//
// Parameters: as in linear_synth
// Ports:
//   m_free_i   every slice has a free bank, at most 6 cycles late
//   m_token_o  of the beat; m_last_o: the last beat of the command's last token
module linear_synth_vector
  import linear_synth_pkg::*;
#(
    parameter int unsigned Width = 16,
    parameter int unsigned ActW = 12,
    parameter int unsigned MaxInputs = 4096,
    parameter int unsigned Depth = 4,
    parameter int unsigned Tokens = 1,
    parameter bit Gather = 1'b0,
    localparam int unsigned TokenW = (Tokens > 1) ? $clog2(Tokens) : 1,
    localparam int unsigned LineW = $clog2(MaxInputs / Width)
) (
    input  logic                  clk_i,
    input  logic                  rst_ni,
    input  logic                  clear_i,
    input  mode_e                 s_job_mode_i,
    input  logic [          15:0] s_job_inputs_i,
    input  logic [           3:0] s_job_bits_i,
    input  logic [           3:0] s_job_tokens_i,
    input  logic                  s_job_valid_i,
    output logic                  s_job_ready_o,
    input  logic [  Width*32-1:0] s_axis_tdata,
    input  logic                  s_axis_tlast,
    input  logic                  s_axis_tvalid,
    output logic                  s_axis_tready,
    input  logic [  Width*32-1:0] s_axis_factor_tdata,
    input  logic                  s_axis_factor_tvalid,
    output logic                  s_axis_factor_tready,
    input  logic [Width*CidxW-1:0] s_axis_found_tdata,
    input  logic                  s_axis_found_tlast,
    input  logic                  s_axis_found_tvalid,
    output logic                  s_axis_found_tready,
    output logic [          31:0] m_axis_scale_tdata,
    output logic                  m_axis_scale_tvalid,
    input  logic                  m_axis_scale_tready,
    input  logic                  m_free_i,
    output logic [Width*ActW-1:0] m_data_o,
    output logic [     LineW-1:0] m_addr_o,
    output logic [    TokenW-1:0] m_token_o,
    output logic                  m_last_o,
    output logic                  m_valid_o,
    output length_cause_e         cause_o
);
  localparam int unsigned QuantW = act_quant_pkg::QuantW;
  localparam int unsigned LaneW = $clog2(Width);

  // ---- length and padding --------------------------------------------------------------------------------------------
  logic [15:0] inputs;
  logic [3:0] bits, tokens;
  logic search;
  logic job_valid, jobs_room, counts_room;
  logic [$clog2(Depth+1)-1:0] unused_level;
  logic [LineW-1:0] count_q;
  logic [TokenW-1:0] token_q;
  wire token_last = 4'(token_q) + 4'd1 == tokens;
  wire [15:0] top = inputs - 16'd1;  // the last input
  wire at_end = 16'(count_q) == top >> LaneW;
  wire take = s_axis_tvalid && s_axis_tready;
  wire good = s_axis_tlast == at_end;

  fifo #(
      .Width(25), .Depth(Depth)
  ) i_jobs (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_mode_i == ModeSearch, s_job_inputs_i, s_job_bits_i, s_job_tokens_i}),
      .s_valid_i(s_job_valid_i && s_job_mode_i != ModeGather), .s_ready_o(jobs_room),
      .m_data_o({search, inputs, bits, tokens}), .m_valid_o(job_valid),
      .m_ready_i(take && at_end && token_last), .level_o(unused_level)
  );
  assign s_job_ready_o = jobs_room && counts_room;

  logic [Width*32-1:0] x_q;
  logic [3:0] x_bits_q;
  logic x_last_q, x_search_q, x_valid_q, x_ready;
  wire move = x_ready || !x_valid_q;
  assign s_axis_tready = job_valid && move && cause_o == LengthNone && !clear_i;

  always_ff @(posedge clk_i) begin
    if (move) begin
      for (int unsigned l = 0; l < Width; l++) begin
        x_q[32*l+:32] <= (at_end && LaneW'(l) > top[LaneW-1:0]) ? '0 : s_axis_tdata[32*l+:32];
      end
      x_last_q <= s_axis_tlast;
      x_bits_q <= bits;
      x_search_q <= search;
    end
    if (!rst_ni || clear_i) begin
      x_valid_q <= 1'b0;
      count_q   <= '0;
      token_q   <= '0;
      cause_o   <= LengthNone;
    end else begin
      if (move) x_valid_q <= take && good;
      if (take) count_q <= at_end ? '0 : count_q + LineW'(1);
      if (take && at_end) token_q <= token_last ? '0 : token_q + TokenW'(1);
      if (take && !good) cause_o <= at_end ? LengthLate : LengthEarly;
    end
  end

  // ---- integers ------------------------------------------------------------------------------------------------------
  logic [Width*QuantW-1:0] quant;
  logic quant_last, quant_valid, quant_ready, quant_in_ready, unused_error;

  act_quant #(
      .Lanes(Width), .MaxBeats(MaxInputs / Width)
  ) i_quant (
      .clk_i, .rst_ni(rst_ni && !clear_i), .bits_i(x_bits_q), .s_axis_tdata(x_q), .s_axis_tlast(x_last_q),
      .s_axis_tvalid(x_valid_q && !x_search_q), .s_axis_tready(quant_in_ready), .m_axis_tdata(quant), .m_axis_tlast(quant_last),
      .m_axis_tvalid(quant_valid), .m_axis_tready(quant_ready), .m_axis_scale_tdata, .m_axis_scale_tvalid, .m_axis_scale_tready,
      .error_o(unused_error)
  );

  // ---- what comes next in the order of the commands ------------------------------------------------------------------
  localparam int unsigned Counts = Depth + 4;  // commands here: those waiting, and those in act_quant
  logic [3:0] out_tokens;
  logic [TokenW-1:0] out_token_q;
  logic [1:0] out_mode;
  logic counts_valid, q_last, q_valid, q_ready;
  logic [Width*ActW-1:0] q;
  logic [$clog2(Counts+1)-1:0] unused_counts;
  wire out_last = q_last && 4'(out_token_q) + 4'd1 == out_tokens;
  fifo #(
      .Width(6), .Depth(Counts)
  ) i_counts (
      .clk_i, .rst_ni, .clear_i, .s_data_i({s_job_mode_i, s_job_tokens_i}), .s_valid_i(s_job_valid_i), .s_ready_o(counts_room),
      .m_data_o({out_mode, out_tokens}), .m_valid_o(counts_valid), .m_ready_i(q_valid && q_ready && out_last),
      .level_o(unused_counts)
  );

  if (Gather) begin : gen_gather
    logic [Width*8-1:0] fixed;
    logic fixed_last, fixed_valid, fixed_in_ready;
    wire synth_next = out_mode == ModeSynth;
    wire search_next = out_mode == ModeSearch;
    linear_synth_fixed #(
        .Width(Width)
    ) i_fixed (
        .clk_i, .rst_ni(rst_ni && !clear_i), .s_axis_tdata(x_q), .s_axis_tlast(x_last_q), .s_axis_tvalid(x_valid_q && x_search_q),
        .s_axis_tready(fixed_in_ready), .s_axis_factor_tdata, .s_axis_factor_tvalid, .s_axis_factor_tready, .m_axis_tdata(fixed),
        .m_axis_tlast(fixed_last), .m_axis_tvalid(fixed_valid), .m_axis_tready(q_ready && counts_valid && search_next)
    );
    assign x_ready             = x_search_q ? fixed_in_ready : quant_in_ready;
    assign quant_ready         = q_ready && counts_valid && synth_next;
    assign s_axis_found_tready = q_ready && counts_valid && !synth_next && !search_next;
    assign q_valid             = counts_valid && (synth_next ? quant_valid : search_next ? fixed_valid : s_axis_found_tvalid);
    assign q_last              = synth_next ? quant_last : search_next ? fixed_last : s_axis_found_tlast;
    always_comb begin
      for (int unsigned l = 0; l < Width; l++) begin
        q[l*ActW+:ActW] = synth_next ? quant[l*QuantW+:ActW] : search_next ? ActW'($signed(fixed[l*8+:8]))
            : ActW'(s_axis_found_tdata[l*CidxW+:CidxW]);
      end
    end
  end else begin : gen_synth
    assign x_ready              = quant_in_ready;
    assign quant_ready          = q_ready;
    assign q_valid              = quant_valid;
    assign q_last               = quant_last;
    assign s_axis_factor_tready = 1'b0;
    assign s_axis_found_tready  = 1'b0;
    always_comb for (int unsigned l = 0; l < Width; l++) q[l*ActW+:ActW] = quant[l*QuantW+:ActW];
    wire unused = ^{s_axis_factor_tdata, s_axis_factor_tvalid, s_axis_found_tdata, s_axis_found_tlast, s_axis_found_tvalid, out_mode};
  end

  // ---- broadcast -----------------------------------------------------------------------------------------------------
  logic inside_q;  // in mid command
  logic [2:0] settle_q;  // until m_free_i knows of the last vector
  logic [LineW-1:0] line_q;
  assign q_ready = inside_q || (m_free_i && settle_q == '0);

  always_ff @(posedge clk_i) begin
    m_data_o <= q;
    m_addr_o <= line_q;
    m_last_o <= out_last;
    m_token_o <= out_token_q;
    if (!rst_ni || clear_i) begin
      inside_q  <= 1'b0;
      settle_q  <= '0;
      line_q    <= '0;
      m_valid_o <= 1'b0;
      out_token_q <= '0;
    end else begin
      m_valid_o <= q_valid && q_ready;
      if (q_valid && q_ready) begin
        inside_q <= !out_last;
        if (q_last) out_token_q <= out_last ? '0 : out_token_q + TokenW'(1);
        line_q   <= q_last ? '0 : line_q + LineW'(1);
      end
      if (q_valid && q_ready && out_last) settle_q <= '1;
      else if (settle_q != '0) settle_q <= settle_q - 3'd1;
    end
  end
  wire unused = ^quant;  // fewer bits are used with a small ActW

  a_counted :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) q_valid |-> counts_valid);
  a_no_error :
  assert property (@(posedge clk_i) disable iff (!rst_ni || clear_i) !unused_error);
endmodule
