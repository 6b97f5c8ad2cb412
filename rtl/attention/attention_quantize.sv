// attention_quantize: new keys (or values) as an int8 cache holds them: to the writer, for every head, the beat with the scale, then
// the codes; to the queue on chip codes and scale.
//
//   codes, scale = act_quant(x, 8);  the scale goes to place position mod 8 of its beat, the other places are masked
//
// Latency:       act_quant's S + Mul + ToInt + 3 from a head's last beat to its first codes, S = 44 for 16 lanes.
// Throughput:    a head of n beats every n + 1 cycles.
// Back-pressure: s_axis_tready needs the job, and room in act_quant; codes move when writer and queue can take them. Registers only.
//
// Parameters:
//   MaxBeats  of a head, a power of two
module attention_quantize
  import attention_pkg::*;
#(
    parameter int unsigned MaxBeats = 8
) (
    input  logic                clk_i,
    input  logic                rst_ni,
    input  job_t                s_job_i,
    input  logic                s_job_valid_i,
    output logic                s_job_ready_o,
    input  logic [32*Lanes-1:0] s_axis_tdata,
    input  logic                s_axis_tvalid,
    output logic                s_axis_tready,
    output logic [16*Lanes-1:0] m_data_o,
    output logic [ 2*Lanes-1:0] m_strobes_o,
    output logic                m_write_valid_o,
    input  logic                m_write_ready_i,
    output codes_t              m_codes_o,
    output logic                m_queue_valid_o,
    input  logic                m_queue_ready_i
);
  localparam int unsigned QuantW = act_quant_pkg::QuantW;
  localparam int unsigned Jobs = 4;  // that wait on either side

  // ---- in: a vector is a head ------------------------------------------------------------------------------------------
  logic [4:0] in_beats, beat_q;
  logic [7:0] in_heads, head_q;
  logic in_valid, in_room, out_room, quant_ready;
  logic [2:0] level_in, level_out;
  wire spread = s_job_valid_i && s_job_ready_o;
  wire take = s_axis_tvalid && s_axis_tready;
  wire beat_last = beat_q == in_beats - 5'd1;
  wire head_last = head_q == in_heads - 8'd1;
  assign s_job_ready_o = in_room && out_room;
  assign s_axis_tready = in_valid && quant_ready;

  fifo #(.Width(5 + 8), .Depth(Jobs)) u_in (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({s_job_i.beats, s_job_i.kv_heads}), .s_valid_i(spread), .s_ready_o(in_room),
      .m_data_o({in_beats, in_heads}), .m_valid_o(in_valid), .m_ready_i(take && beat_last && head_last), .level_o(level_in)
  );
  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q <= '0;
      head_q <= '0;
    end else if (take) begin
      beat_q <= beat_last ? '0 : beat_q + 5'd1;
      if (beat_last) head_q <= head_last ? '0 : head_q + 8'd1;
    end
  end

  logic [QuantW*Lanes-1:0] integers;
  logic [31:0] scale;
  logic last, valid, ready, scale_valid, scale_ready, error;
  act_quant #(.Lanes(Lanes), .MaxBeats((MaxBeats < 4) ? 4 : MaxBeats)) u_quant (
      .clk_i, .rst_ni, .bits_i(4'd8), .s_axis_tdata, .s_axis_tlast(beat_last), .s_axis_tvalid(s_axis_tvalid && in_valid),
      .s_axis_tready(quant_ready), .m_axis_tdata(integers), .m_axis_tlast(last), .m_axis_tvalid(valid), .m_axis_tready(ready),
      .m_axis_scale_tdata(scale), .m_axis_scale_tvalid(scale_valid), .m_axis_scale_tready(scale_ready), .error_o(error)
  );

  // ---- out: a beat of memory holds the codes of two beats -----------------------------------------------------------------
  logic [2:0] place;
  logic [7:0] out_heads, out_head_q;
  logic out_valid, codes_q, second_q;  // the scale is written; a first half waits
  logic [8*Lanes-1:0] codes, first_q;
  wire move = valid && ready;
  wire out_head_last = out_head_q == out_heads - 8'd1;

  for (genvar l = 0; l < Lanes; l++) begin : gen_lanes
    assign codes[8*l+:8] = integers[QuantW*l+:8];  // |q| <= 127
  end
  assign m_codes_o = '{scale: scale, codes: codes};
  assign m_data_o = codes_q ? {codes, first_q} : {8{scale}};
  assign m_strobes_o = codes_q ? '1 : (2 * Lanes)'('hf) << {place, 2'b00};
  assign m_write_valid_o = codes_q ? valid && second_q && m_queue_ready_i : scale_valid && out_valid;
  assign m_queue_valid_o = codes_q && valid && (!second_q || m_write_ready_i);
  assign ready = codes_q && m_queue_ready_i && (!second_q || m_write_ready_i);
  assign scale_ready = move && last;

  fifo #(.Width(3 + 8), .Depth(Jobs)) u_out (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({s_job_i.position[2:0], s_job_i.kv_heads}), .s_valid_i(spread),
      .s_ready_o(out_room), .m_data_o({place, out_heads}), .m_valid_o(out_valid),
      .m_ready_i(move && last && out_head_last), .level_o(level_out)
  );
  always_ff @(posedge clk_i) begin
    if (move) first_q <= codes;
    if (!rst_ni) begin
      codes_q    <= 1'b0;
      second_q   <= 1'b0;
      out_head_q <= '0;
    end else begin
      if (!codes_q) codes_q <= m_write_valid_o && m_write_ready_i;
      else if (move && last) codes_q <= 1'b0;
      if (move) second_q <= !second_q;
      if (move && last) out_head_q <= out_head_last ? '0 : out_head_q + 8'd1;
    end
  end

  wire unused = ^{level_in, level_out, s_job_i.fresh, s_job_i.position[PositionW-1:3], s_job_i.group, s_job_i.scale, s_job_i.offset,
                  s_job_i.stride, integers};
  a_lengths :
  assert property (@(posedge clk_i) disable iff (!rst_ni) !error && !(move && last && !second_q));
  a_scale_first :
  assert property (@(posedge clk_i) disable iff (!rst_ni) move |-> scale_valid && out_valid);
endmodule
