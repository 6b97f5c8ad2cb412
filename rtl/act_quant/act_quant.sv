// act_quant: every vector of a stream to integers of 8..12 bits with one scale (absmax).
//
//   amax = max |x|;  inv = qmax * (1 / amax);  q = rne(x * inv);  scale = amax * fp32(1/qmax)        qmax = 2^(bits-1) - 1
//
// A vector is stored while its largest magnitude is found. When its factors are there it is read again and multiplied; the
// vectors behind it are taken meanwhile.
//
// Numbers:       those of fp32_mul, fp32_reciprocal and fp32_to_int, every step rounded; rne is half to even. inv = +infinity (amax
//                zero or below about qmax * 2^-128): q and scale are 0. A NaN in x gives scale NaN, an infinity scale infinity, both
//                q = 0. The result does not depend on Lanes.
// Overflow:      |q| <= qmax without clipping: |x| <= amax, and the errors of reciprocal (1.3 ulp) and of two roundings make
//                x * inv at most qmax * (1 + 2.4 * 2^-23), which rounds to qmax.
// Latency:       from a vector's last beat to its scale S = log2(Lanes) + Reciprocal + Mul + 2 = log2(Lanes) + 40, to its first
//                integers S + Mul + ToInt + 3 = S + 11.
// Throughput:    one beat a cycle, back to back, vectors of 2 beats and more; one-beat vectors 32 in S + 1 cycles.
// Back-pressure: readies depend only on registers. Beats are taken while there is room for them and fewer than 32 vectors wait for
//                their factors, integers or the taking of their scale; integers are only begun when there is room for them.
// Errors:        error_o stays until the reset: a vector of more than MaxBeats beats (it is cut there), or bits_i not 8..12 (the
//                nearest is taken). Nothing hangs.
// Reset:         synchronous, active low; forgets everything.
//
// Parameters:
//   Lanes      values in a beat, a power of two up to 64; lane 0, the lowest bits, is the first
//   MaxBeats   beats of the longest vector, a power of two >= 4
//   RingBeats  beats stored, a power of two >= MaxBeats; the default keeps the throughput for every length
// Ports:
//   bits_i        of the vector, sampled with its last beat, stable while that waits
//   m_axis        integer of lane l at 12*l, signed, tlast on the vector's last beat
//   m_axis_scale  one number for each vector, before or after its integers are taken
module act_quant
  import fp32_pkg::*;
  import act_quant_pkg::*;
#(
    parameter int unsigned Lanes = 16,
    parameter int unsigned MaxBeats = 256,
    parameter int unsigned RingBeats = 2 ** $clog2(MaxBeats + act_quant_pkg::scale_latency(Lanes) + 4)
) (
    input  logic                    clk_i,
    input  logic                    rst_ni,
    input  logic [             3:0] bits_i,
    input  logic [    32*Lanes-1:0] s_axis_tdata,
    input  logic                    s_axis_tlast,
    input  logic                    s_axis_tvalid,
    output logic                    s_axis_tready,
    output logic [QuantW*Lanes-1:0] m_axis_tdata,
    output logic                    m_axis_tlast,
    output logic                    m_axis_tvalid,
    input  logic                    m_axis_tready,
    output logic [            31:0] m_axis_scale_tdata,
    output logic                    m_axis_scale_tvalid,
    input  logic                    m_axis_scale_tready,
    output logic                    error_o
);
  if (Lanes < 1 || Lanes > 64 || Lanes != 1 << $clog2(Lanes))
    $error("%m: Lanes is %0d, allowed: powers of two up to 64", Lanes);
  if (MaxBeats < 4 || MaxBeats != 1 << $clog2(MaxBeats))
    $error("%m: MaxBeats is %0d, allowed: powers of two from 4", MaxBeats);
  if (RingBeats < MaxBeats || RingBeats != 1 << $clog2(RingBeats))
    $error("%m: RingBeats is %0d, allowed: powers of two from MaxBeats = %0d", RingBeats, MaxBeats);

  localparam int unsigned CountW = $clog2(MaxBeats);
  localparam int unsigned Vectors = 32;  // that may wait
  localparam int unsigned WaitW = $clog2(Vectors) + 1;
  localparam int unsigned ReadLatency = 2;
  localparam int unsigned Room = ReadLatency + ScaleLatency + 2;  // covers the round trip of a credit
  localparam int unsigned CreditW = $clog2(Room + 1);

  // ---- in: every beat is stored, and goes to the search of the largest magnitude --------------------------------------
  logic [CountW-1:0] count_q;  // beats of this vector so far
  logic [WaitW-1:0] unread_q, unscaled_q;  // whole vectors whose integers, whose scale are still to come
  logic ring_ready, read, read_last;
  wire full = &count_q;
  wire last = s_axis_tlast || full;
  wire take = s_axis_tvalid && s_axis_tready;
  wire bits_low = bits_i < 4'd8, bits_high = bits_i > 4'd12;
  wire [3:0] bits = bits_low ? 4'd8 : bits_high ? 4'd12 : bits_i;
  wire scale_taken = m_axis_scale_tvalid && m_axis_scale_tready;

  assign s_axis_tready = ring_ready && !unread_q[WaitW-1] && !unscaled_q[WaitW-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      count_q    <= '0;
      unread_q   <= '0;
      unscaled_q <= '0;
      error_o    <= 1'b0;
    end else begin
      if (take) count_q <= last ? '0 : count_q + CountW'(1);
      unread_q   <= unread_q + WaitW'(take && last) - WaitW'(read_last);
      unscaled_q <= unscaled_q + WaitW'(take && last) - WaitW'(scale_taken);
      if (take && ((full && !s_axis_tlast) || (last && (bits_low || bits_high)))) error_o <= 1'b1;
    end
  end

  logic [32*Lanes-1:0] x;
  act_quant_ring #(.Width(32 * Lanes), .Depth(RingBeats)) u_ring (
      .clk_i, .rst_ni, .s_data_i(s_axis_tdata), .s_take_i(take), .s_ready_o(ring_ready), .read_i(read), .data_o(x)
  );

  logic [30:0] amax;
  logic [3:0] amax_bits;
  logic [CountW-1:0] amax_beats;
  logic amax_valid;
  act_quant_absmax #(.Lanes(Lanes), .SideW(4 + CountW)) u_absmax (
      .clk_i, .rst_ni, .data_i(s_axis_tdata), .last_i(last), .side_i({bits, count_q}), .valid_i(take),
      .amax_o(amax), .side_o({amax_bits, amax_beats}), .valid_o(amax_valid)
  );

  // ---- factors ---------------------------------------------------------------------------------------------------------
  logic [31:0] inverse, inverse_new, scale_new;
  logic [CountW-1:0] beats, beats_new;  // of the vector, less one
  logic factors_valid, factors_new, inverse_ready, scale_ready;
  logic [WaitW-1:0] unused_level[2];

  act_quant_factors #(.CountW(CountW), .Vectors(Vectors)) u_factors (
      .clk_i, .rst_ni, .amax_i(amax), .bits_i(amax_bits), .beats_i(amax_beats), .valid_i(amax_valid),
      .inverse_o(inverse_new), .scale_o(scale_new), .beats_o(beats_new), .valid_o(factors_new)
  );
  fifo #(.Width(32 + CountW), .Depth(Vectors)) u_inverses (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({beats_new, inverse_new}), .s_valid_i(factors_new),
      .s_ready_o(inverse_ready), .m_data_o({beats, inverse}), .m_valid_o(factors_valid), .m_ready_i(read_last),
      .level_o(unused_level[0])
  );
  fifo #(.Width(32), .Depth(Vectors)) u_scales (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i(scale_new), .s_valid_i(factors_new), .s_ready_o(scale_ready),
      .m_data_o(m_axis_scale_tdata), .m_valid_o(m_axis_scale_tvalid), .m_ready_i(m_axis_scale_tready),
      .level_o(unused_level[1])
  );

  // ---- second pass: a beat is read when its factor is there and the queue at the end has room -------------------------
  logic [CountW-1:0] read_q;
  logic [CreditW-1:0] credits_q;
  logic some_q;
  wire pop = m_axis_tvalid && m_axis_tready;
  assign read      = factors_valid && some_q;
  assign read_last = read && read_q == beats;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      read_q    <= '0;
      credits_q <= CreditW'(Room);
      some_q    <= 1'b1;
    end else begin
      if (read) read_q <= read_last ? '0 : read_q + CountW'(1);
      if (read && !pop) begin
        credits_q <= credits_q - CreditW'(1);
        some_q    <= credits_q != CreditW'(1);
      end else if (pop && !read) begin
        credits_q <= credits_q + CreditW'(1);
        some_q    <= 1'b1;
      end
    end
  end

  logic [31:0] factor_q[ReadLatency];
  always_ff @(posedge clk_i) begin
    factor_q[0] <= inverse;
    factor_q[1] <= factor_q[0];
  end

  logic [QuantW*Lanes-1:0] q;
  for (genvar l = 0; l < Lanes; l++) begin : gen_lane
    logic [31:0] product;
    fp32_mul u_product (.clk_i, .enable_i(1'b1), .a_i(x[32*l+:32]), .b_i(factor_q[ReadLatency-1]), .y_o(product));
    fp32_to_int #(.Bits(QuantW)) u_integer (.clk_i, .enable_i(1'b1), .a_i(product), .y_o(q[QuantW*l+:QuantW]));
  end

  logic q_valid, q_last, q_ready;
  logic [CreditW-1:0] unused_q_level;
  fp32_valid #(.Cycles(ReadLatency + ScaleLatency)) u_valid (
      .clk_i, .rst_ni, .enable_i(1'b1), .valid_i(read), .valid_o(q_valid)
  );
  fp32_delay #(.Width(1), .Cycles(ReadLatency + ScaleLatency)) u_last (
      .clk_i, .enable_i(1'b1), .d_i(read_last), .q_o(q_last)
  );
  fifo #(.Width(QuantW * Lanes + 1), .Depth(Room)) u_queue (
      .clk_i, .rst_ni, .clear_i(1'b0), .s_data_i({q_last, q}), .s_valid_i(q_valid), .s_ready_o(q_ready),
      .m_data_o({m_axis_tlast, m_axis_tdata}), .m_valid_o(m_axis_tvalid), .m_ready_i(m_axis_tready),
      .level_o(unused_q_level)
  );

  a_room :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      (q_valid |-> q_ready) and (factors_new |-> inverse_ready && scale_ready));
  a_beat_stored :  // a factor only comes when all beats of its vector are there
  assert property (@(posedge clk_i) disable iff (!rst_ni) read |-> unread_q != '0);
  a_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      m_axis_tvalid && !m_axis_tready |=> m_axis_tvalid && $stable({m_axis_tdata, m_axis_tlast}));
  a_bits_stable :
  assert property (@(posedge clk_i) disable iff (!rst_ni)
      s_axis_tvalid && !s_axis_tready && last |=> $stable(bits_i));
endmodule
